import Model
import Pool
import Testing

@testable import Gateway

@Suite struct RouteCountsTests {
    private let app = AppIndex(0)
    private let one = GenerationNumber(1)

    private func count(_ counts: inout RouteCounts, _ method: String, _ path: String, isError: Bool = false) {
        Array(method.utf8).withUnsafeBytes { method in
            Array(path.utf8).withUnsafeBytes { path in
                counts.count(app, one, isError: isError, method: method, path: path)
            }
        }
    }

    @Test(arguments: [
        ("/orders/42", "GET /orders/*"), ("/orders/42/lines/7", "GET /orders/*/lines/*"),
        ("/v1/orders", "GET /v1/orders"),
        ("/users/9be0d13c-77f0-4f4a-bb0b-2a1f2c3d4e5f", "GET /users/*"), ("/", "GET /"), ("/a/", "GET /a/"),
        ("/posts/12-how-it-works", "GET /posts/*"), ("/assets", "GET /assets"), ("/a\u{1b}[2Jb", "GET /a?[2Jb"),
    ])
    func `an id is no route of its own`(path: String, name: String) {
        var counts = RouteCounts()
        count(&counts, "GET", path)
        #expect(counts.routes(of: one, app) == [RouteTraffic(name: name, requests: 1, errors: 0)])
    }

    @Test func `requests and errors add up, by method and route`() {
        var counts = RouteCounts()
        for number in 0..<10 { count(&counts, "POST", "/orders/\(number)", isError: number < 3) }
        count(&counts, "GET", "/orders/1")
        let routes = counts.routes(of: one, app).sorted { $0.name < $1.name }
        #expect(routes.map(\.name) == ["GET /orders/*", "POST /orders/*"])
        #expect(routes.map(\.requests) == [1, 10] && routes.map(\.errors) == [0, 3])
        counts.forget(one, of: app)
        #expect(counts.routes(of: one, app).isEmpty)
    }

    @Test func `who asks for ever more paths fills no memory`() {
        var counts = RouteCounts()
        for number in 0..<10_000 { count(&counts, "GET", "/x\(number)", isError: true) }
        let routes = counts.routes(of: one, app)
        #expect(routes.count == RouteCounts.most + 1)
        #expect(routes.reduce(0) { $0 + $1.errors } == 10_000)
        var long = RouteCounts()
        count(&long, "GET", "/" + String(repeating: "a", count: 100_000))
        #expect((long.routes(of: one, app).first?.name.count ?? 0) < 200)
    }

    @Test func `generations and apps are counted apart, and forgotten one by one`() {
        var counts = RouteCounts()
        let get = Array("GET".utf8)
        let path = Array("/a".utf8)
        for generation in 1...40 {
            for index in 0..<3 {
                get.withUnsafeBytes { get in
                    path.withUnsafeBytes { path in
                        counts.count(
                            AppIndex(index), GenerationNumber(UInt32(generation)), isError: false, method: get,
                            path: path)
                    }
                }
            }
        }
        #expect(counts.routes(of: GenerationNumber(40), AppIndex(1)).map(\.requests) == [1])
        #expect(counts.routes(of: one, app).isEmpty, "long gone, and never forgotten expressly")
        for generation in 24...40 { counts.forget(GenerationNumber(UInt32(generation)), of: AppIndex(1)) }
        #expect(counts.routes(of: GenerationNumber(40), AppIndex(1)).isEmpty)
        #expect(counts.routes(of: GenerationNumber(40), AppIndex(0)).map(\.requests) == [1])
        #expect(counts.routes(of: GenerationNumber(40), AppIndex(2)).map(\.requests) == [1])
    }
}
