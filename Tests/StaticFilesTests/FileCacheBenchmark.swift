import Glibc
import HTTP1
import Linux
import Model
import Testing

@testable import StaticFiles

/// `PASSENGER_BENCHMARK=1 swift test -c release --filter FileCacheBenchmark`
@Suite("What a known file costs", .enabled(if: getenv("PASSENGER_BENCHMARK") != nil))
struct FileCacheBenchmark {
    @Test("nanoseconds per request")
    func cost() throws {
        let tree = try TemporaryTree()
        try tree.file("app/public/assets/app-1a2b3c4d.js", String(repeating: "x", count: 4096))
        try tree.file("app/public/assets/app-1a2b3c4d.js.gz", "x")
        let site = TestSite(tree)
        let lines = "Accept-Encoding: gzip, deflate, br\r\nUser-Agent: benchmark\r\n"
        for (name, target) in [
            ("file", "/assets/app-1a2b3c4d.js"), ("dynamic", "/users/1"), ("absent", "/assets/absent"),
        ] {
            let request = Array("GET \(target) HTTP/1.1\r\nHost: example.com\r\n\(lines)\r\n".utf8)
            let nanoseconds = try measure(site, request)
            print("static \(name): \(nanoseconds) ns")
        }
    }

    private func measure(_ site: TestSite, _ request: [UInt8]) throws -> Int64 {
        var parser = RequestHeadParser()
        var head = RequestHead()
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: FileAnswer.largestHead, alignment: 8)
        defer { memory.deallocate() }
        let rounds: Int64 = 1_000_000
        return try request.withUnsafeBytes { bytes in
            guard case .complete = parser.parse(bytes, into: &head) else { throw Unparsable(request: "") }
            var written = 0
            let start = monotonicNow()
            for _ in 0..<rounds {
                guard case .file(let file) = site.cache.find(site.site, path: head.path.of(bytes), now: site.now) else {
                    continue
                }
                var writer = ByteWriter(memory)
                FileAnswer.plan(file, head, bytes) { 0 }.writeHead(to: &writer)
                written += writer.count
            }
            return (monotonicNow() - start).wholeNanoseconds / rounds
        }
    }
}
