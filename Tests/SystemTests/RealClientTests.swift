import AdminAPI
import Foundation
import Testing

extension SystemTests {
    /// Clients that others wrote, against the built program that serves the sample apps.
    @Suite(.serialized) struct RealClientTests {
        @Test(.timeLimit(.minutes(3)))
        func `curl gets, posts, waits for 100, asks for ranges and compression, and keeps its connection`() throws {
            let place = try Place()
            let text = String(repeating: "a line of text\n", count: 1000)
            let server = try TestServer.serving("ruby", in: place) { app in
                try FileManager.default.createDirectory(atPath: "\(app)/public", withIntermediateDirectories: true)
                try text.write(toFile: "\(app)/public/file.txt", atomically: false, encoding: .utf8)
            }
            let url = "http://127.0.0.1:\(server.port)"
            let bodyFile = "\(place.path)/body"
            try Data(repeating: 0x61, count: 2_000_000).write(to: URL(fileURLWithPath: bodyFile))
            let digest = try Clients.run(["sha256sum", bodyFile], in: place).output.prefix { $0 != " " }

            #expect(try Clients.curl("\(url)/version", in: place) == "1\n")
            let head = try Clients.curl("-I", "\(url)/big?bytes=1000", in: place)
            #expect(head.hasPrefix("HTTP/1.1 200") && head.lowercased().contains("content-length: 1000\r\n"), "\(head)")
            let post = ["-H", "Expect: 100-continue", "--expect100-timeout", "20", "--data-binary", "@\(bodyFile)"]
            let posted = try Clients.run(["curl", "-sSv", "--max-time", "90"] + post + ["\(url)/echo"], in: place)
            #expect(posted.output == "\(digest) 2000000\n" && posted.errors.contains("< HTTP/1.1 100 "), "\(posted)")
            let chunked = try Clients.curl(
                "-H", "Transfer-Encoding: chunked", "--data-binary", "@\(bodyFile)", "\(url)/echo", in: place)
            #expect(chunked == "\(digest) 2000000\n")

            #expect(try Clients.curl("\(url)/file.txt", in: place) == text)
            #expect(try Clients.curl("-r", "15-28", "\(url)/file.txt", in: place) == "a line of text")
            #expect(try Clients.curl("-r", "-5", "\(url)/file.txt", in: place) == "text\n")
            #expect(try Clients.curl("--compressed", "\(url)/big?bytes=64000", in: place).utf8.count == 64000)
            let fields = try Clients.curl(
                "--compressed", "-D", "-", "-o", "/dev/null", "\(url)/big?bytes=64000", in: place)
            #expect(fields.lowercased().contains("content-encoding: gzip"), "\(fields)")
            // %{num_connects} is 0 for each request that found a connection kept.
            let kept = try Clients.curl(
                "-o", "/dev/null", "-w", "%{num_connects}", "\(url)/version", "-o", "/dev/null",
                "\(url)/big?bytes=99999",
                "-o", "/dev/null", "\(url)/version", in: place)
            #expect(kept == "100")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(15)), arguments: [Language.ruby, .python, .node])
        func `requests, httpx, fetch and wrk are served`(_ language: Language) throws {
            let place = try Place()
            // The apps' /stream holds a worker of Ruby's and Python's until it notices that its client is gone.
            let server = try TestServer.serving(language.rawValue, ["--min-instances", "2"], in: place)
            let url = "http://127.0.0.1:\(server.port)"
            let python = try Clients.python(in: place)
            for client in ["requests", "httpx"] {
                try Clients.run([python, "\(Clients.directory)/real.py", client, url], in: place)
            }
            try Clients.run(["node", "\(Clients.directory)/fetch.mjs", url], in: place)
            let wrk = try Clients.run(
                ["wrk", "-t", "1", "-c", "32", "-d", "1", "--timeout", "30s", "\(url)/version"], in: place
            ).output
            print("\(language): \(wrk.split(separator: "\n").first { $0.contains("Requests/sec") } ?? "")")
            #expect(
                wrk.contains("Requests/sec") && !wrk.contains("Socket errors") && !wrk.contains("Non-2xx"), "\(wrk)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(15)), arguments: ["node", "ruby"])
        func `WebSockets reach an app, and its answers come back`(_ language: String) throws {
            let place = try Place()
            let server = try TestServer.serving("websocket/\(language)", in: place)
            let python = try Clients.python(in: place)
            let url = "ws://127.0.0.1:\(server.port)"
            try Clients.run([python, "\(Clients.directory)/real.py", "websockets", url], in: place)
            #expect(try server.get("/").text == "hello\n")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `WebSockets pass through TLS`() throws {
            let place = try Place()
            let pair = try Certificate(in: place)
            let server = try TestServer.serving("websocket/node", pair.options, in: place)
            let python = try Clients.python(in: place)
            let url = "wss://127.0.0.1:\(server.port)"
            try Clients.run([python, "\(Clients.directory)/real.py", "websockets", url, pair.chain], in: place)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(15)))
        func `curl, httpx and h2load are served over TLS and HTTP/2`() throws {
            let place = try Place()
            let pair = try Certificate(in: place)
            let chain = pair.chain
            let server = try TestServer.serving("node", pair.options, in: place)
            let url = "https://127.0.0.1:\(server.port)"
            for (flag, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
                let arguments = ["curl", "-sS", "--max-time", "90", flag, "--cacert", chain, "-w", "%{http_version}"]
                #expect(try Clients.run(arguments + ["\(url)/version"], in: place).output == "1\n\(version)")
            }
            let python = try Clients.python(in: place)
            try Clients.run([python, "\(Clients.directory)/real.py", "httpx", url, chain], in: place)
            let load = try Clients.run(
                ["h2load", "-n", "5000", "-c", "10", "-m", "20", "\(url)/version"], in: place
            ).output
            print("h2load: \(load.split(separator: "\n").first { $0.contains("finished in") } ?? "")")
            #expect(load.contains("5000 succeeded, 0 failed, 0 errored"), "\(load)")
            try server.stop()
        }

        /// nginx before 1.29 takes one for the answer, and a page of Rails never came through it.
        @Test(.timeLimit(.minutes(3)))
        func `early hints reach clients of HTTP/2, and nobody else`() throws {
            let place = try Place()
            let certificate = try Certificate(in: place)
            let options = [
                "--ssl", "--ssl-certificate", certificate.chain, "--ssl-certificate-key", certificate.key,
            ]
            let server = try TestServer.serving("node", options, in: place) { app in
                try """
                require('node:http').createServer((request, response) => {
                  response.writeEarlyHints({ link: '</a.css>; rel=preload; as=style' });
                  response.end('a page\\n');
                }).listen(3000);
                """.write(toFile: "\(app)/app.js", atomically: false, encoding: .utf8)
            }
            let url = "https://localhost:\(server.port)/"
            let arguments = ["curl", "-sSi", "--max-time", "90", "--cacert", certificate.chain]
            let page = try Clients.run(arguments + ["--http2", url], in: place).output
            #expect(page.hasPrefix("HTTP/2 103") && page.contains("rel=preload"), "\(page)")
            #expect(page.contains("HTTP/2 200") && page.hasSuffix("a page\n"), "\(page)")
            let plain = try Clients.run(arguments + ["--http1.1", url], in: place).output
            #expect(plain.hasPrefix("HTTP/1.1 200") && plain.hasSuffix("a page\n"), "\(plain)")
            try server.stop()
        }
    }
}

extension Place {
    /// An app of Tests/apps that is none of the usual ones.
    func copyApp(at name: String, as directory: String) throws -> String {
        let copy = "\(path)/\(directory)"
        try FileManager.default.copyItem(atPath: "\(SourceTree.path)/Tests/apps/\(name)", toPath: copy)
        AppUser.own(copy)
        return copy
    }
}
