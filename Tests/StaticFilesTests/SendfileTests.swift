import Glibc
import Model
import Testing

@testable import StaticFiles

@Suite("Files that an app asks to have sent")
struct SendfileTests {
    private let tree: TemporaryTree
    private let resolver: SendfileResolver

    init() throws {
        tree = try TemporaryTree()
        try tree.file("app/private/a b.pdf", "release")
        try tree.file("app/private/100%.txt", "percent")
        try tree.file("shared/files/a.txt", "shared")
        try tree.file("allowed/a.txt", "allowed")
        try tree.file("outside/a.txt", "outside")
        try tree.link("app/private/out", to: "../../outside")
        try tree.link("app/private/in", to: "../../shared/files")
        try #require(mkfifo(tree.path + "/app/private/fifo", 0o644) == 0)
        var settings = FileSettings()
        settings.sendfileRoots = [tree.path + "/allowed", "../missing"]
        settings.accelRedirects = [
            "/protected/": "private", "/protected/deep": "../shared/files", "/other": tree.path + "/outside",
            "/allowed": tree.path + "/allowed",
        ]
        resolver = SendfileResolver(
            release: StaticSite.Release(directory: tree.path + "/app"), shared: tree.path + "/shared",
            settings: settings)
    }

    @Test(
        "X-Sendfile: absolute or relative to the app, judged by where the opened file lies",
        arguments: [
            ("$/app/private/a b.pdf", "release"), ("private/a b.pdf", "release"), ("$/shared/files/a.txt", "shared"),
            ("../shared/files/a.txt", "shared"), ("$/allowed/a.txt", "allowed"), ("private/in/a.txt", "shared"),
            ("private/100%.txt", "percent"), ("private/../private/100%.txt", "percent"),
            ("$/outside/a.txt", "outside"), ("../outside/a.txt", "outside"), ("private/out/a.txt", "outside"),
            ("/etc/passwd", "outside"), ("/proc/self/environ", "outside"), ("/dev/null", "outside"),
            ("private/../../outside/a.txt", "outside"), ("", "badName"), ("private/a\0b", "badName"),
            ("private/nothing", "notFound"), ("private/a b.pdf/x", "notFound"), ("private", "notAFile"),
            ("private/fifo", "notAFile"), ("private/a%20b.pdf", "notFound"),
        ])
    func sendfile(value: String, expected: String) throws {
        let path = value.replacing("$", with: tree.path)
        let result = Array(path.utf8).withUnsafeBytes { resolver.sendfile($0) }
        #expect(try outcome(result) == expected || outcome(result) == "text " + expected)
    }

    @Test(
        "X-Accel-Redirect: a decoded URI below the longest prefix",
        arguments: [
            ("/protected/a%20b.pdf", "text release"), ("/protected/a b.pdf", "text release"),
            ("/protected/100%25.txt?x=1", "text percent"), ("/protected/deep/a.txt", "text shared"),
            ("/protected/in/a.txt", "text shared"), ("/allowed/a.txt", "text allowed"),
            ("/other/a.txt", "outside"), ("/protected/out/a.txt", "outside"), ("/protectedx/a", "noMapping"),
            ("/nothing", "noMapping"), ("protected/a", "noMapping"), ("", "noMapping"), ("/protected", "noMapping"),
            ("/protected/", "badName"), ("/protected/../private/100%25.txt", "badName"),
            ("/protected/%2e%2e/x", "badName"),
            ("/protected/..%2fx", "badName"), ("/protected/a%00", "badName"), ("/protected/%", "badName"),
            ("/protected/100%.txt", "badName"), ("/protected/nothing", "notFound"), ("/protected/fifo", "notAFile"),
        ])
    func accelRedirect(value: String, expected: String) throws {
        #expect(try outcome(Array(value.utf8).withUnsafeBytes { resolver.accelRedirect($0) }) == expected)
    }

    @Test("without roots of its own an app sends from its release alone, and a root's name is no prefix")
    func noRoots() throws {
        try tree.file("app-other/a.txt", "other")
        let resolver = SendfileResolver(
            release: StaticSite.Release(directory: tree.path + "/app"), shared: nil, settings: FileSettings())
        for path in ["/shared/files/a.txt", "/allowed/a.txt", "/app-other/a.txt"] {
            #expect(try outcome(Array((tree.path + path).utf8).withUnsafeBytes { resolver.sendfile($0) }) == "outside")
        }
    }

    @Test("the app's own type and cache rules stay")
    func appFields() throws {
        let result = Array("private/a b.pdf".utf8).withUnsafeBytes { resolver.sendfile($0) }
        let file = try result.get()
        #expect(try ask(file).field("Content-Type") == "application/pdf")
        #expect(try ask(file, ["Range: bytes=0-2"]).body == "rel")
    }

    private func outcome(_ result: Result<StaticFile, SendfileRefusal>) throws -> String {
        switch result {
        case .success(let file): "text " + (try text(file.plain))
        case .failure(.outside): "outside"
        case .failure(.badName): "badName"
        case .failure(.noMapping): "noMapping"
        case .failure(.notFound): "notFound"
        case .failure(.notAFile): "notAFile"
        case .failure(.unreadable(let reason)): reason
        }
    }
}
