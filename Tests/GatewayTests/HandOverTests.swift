import Glibc
import Linux
import Model
import Sockets
import Testing

@testable import Gateway

extension SocketTests {
    /// Two gateways as two cores: what the first gives up the second has.
    @Suite("connections move from a core that retires to the next")
    struct HandOverTests {
        /// Answers with its name, and whom it takes the client for.
        private static func naming(_ name: String) -> FakeWorker.Behaviour {
            { connection in
                while let (request, body) = try connection.readRequest() {
                    try connection.answer("\(name) \(request.path) \(body.count)")
                }
            }
        }

        private static func pair(_ change: (inout TestGateway.Options) -> Void = { _ in }) async throws
            -> (old: TestGateway, new: TestGateway)
        {
            var options = TestGateway.Options()
            options.loops = 2
            change(&options)
            return (try await TestGateway(options, naming("old")), try await TestGateway(options, naming("new")))
        }

        private func retire(_ old: TestGateway, to new: TestGateway) async {
            await old.gateway.retire { [gateway = new.gateway] in gateway.adopt($0, $1) }
        }

        @Test("idle clients notice nothing: the next request is the next core's, over the same connection")
        func idle() async throws {
            let (old, new) = try await Self.pair()
            let clients = try await blocking {
                let clients = try (0..<20).map { _ in try old.client() }
                // Some have never asked for anything, and one has sent a part of a request.
                for client in clients.prefix(10) { #expect(try client.get("/a").text == "old /a 0") }
                try clients[0].send("GET /half HTTP/1.1\r\nHo")
                #expect(eventually { old.gateway.connectionCount == 20 })
                return Held(clients)
            }
            await retire(old, to: new)
            try await blocking {
                #expect(eventually { old.gateway.connectionCount == 0 && new.gateway.connectionCount == 20 })
                try clients.value[0].send("st: a\r\n\r\n")
                #expect(try clients.value[0].answer().text == "new /half 0")
                for client in clients.value {
                    for _ in 0..<2 {
                        let answer = try client.get("/b")
                        #expect(answer.text == "new /b 0" && !answer.endsConnection)
                    }
                    #expect(try client.post("/c", pattern(300_000)).text == "new /c 300000")
                }
            }
            try await old.stop()
            try await new.stop()
        }

        @Test(
            "a request that is under way is answered where it is, and the connection moves then; those behind it go along"
        )
        func busy() async throws {
            let (goOn, started) = (Signal(), Signal())
            let slow: FakeWorker.Behaviour = { connection in
                while let (request, _) = try connection.readRequest() {
                    if request.path == "/slow" {
                        started.raise()
                        goOn.wait()
                    }
                    try connection.answer("old \(request.path)")
                }
            }
            let old = try await TestGateway(TestGateway.Options(), slow)
            let new = try await TestGateway(TestGateway.Options(), Self.naming("new"))
            let client = try await blocking {
                let client = try old.client()
                try client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
                try client.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HT")
                #expect(started.wait())
                return Held(client)
            }
            await retire(old, to: new)
            try await blocking {
                #expect(old.gateway.connectionCount == 1)
                goOn.raise()
                let first = try client.value.answer()
                #expect(first.text == "old /slow" && !first.endsConnection)
                #expect(try client.value.answer().text == "new /1 0")
                #expect(try client.value.answer().text == "new /2 0")
                try client.value.send("TP/1.1\r\nHost: a\r\n\r\n")
                #expect(try client.value.answer().text == "new /3 0")
                #expect(eventually { old.gateway.connectionCount == 0 })
            }
            try await old.stop()
            try await new.stop()
        }

        @Test(
            "who has sent more requests ahead than can go along has some of them answered where they are, and each once"
        )
        func farAhead() async throws {
            let (goOn, started) = (Signal(), Signal())
            let slow: FakeWorker.Behaviour = { connection in
                while let (request, _) = try connection.readRequest() {
                    if request.path == "/slow" {
                        started.raise()
                        goOn.wait()
                    }
                    try connection.answer("old \(request.path)")
                }
            }
            let old = try await TestGateway(TestGateway.Options(), slow)
            let new = try await TestGateway(TestGateway.Options(), Self.naming("new"))
            let padding = String(repeating: "x", count: 7000)
            let count = 60
            let client = try await blocking {
                let client = try old.client()
                try client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(started.wait())
                // The gateway takes one read (64 KiB) over its limit of 64; the rest waits in the kernel. So that its reads are large ones,
                // there is enough to read before it looks.
                let isSent = Signal()
                old.gateway.loops[0].eventLoop.execute { isSent.wait() }
                @Sendable func send(_ numbers: Range<Int>, over client: TestClient) throws {
                    for number in numbers {
                        try client.send("GET /\(number) HTTP/1.1\r\nHost: a\r\nX-Padding: \(padding)\r\n\r\n")
                    }
                }
                try send(0..<20, over: client)
                isSent.raise()
                // One thread sends, another one reads.
                let sending = Held(client)
                startThread(name: "sender") { try? send(20..<count, over: sending.value) }
                #expect(eventually { old.budget.memoryInUse > HandedConnection.mostUnread })
                return Held(client)
            }
            await retire(old, to: new)
            try await blocking {
                goOn.raise()
                #expect(try client.value.answer().text == "old /slow")
                var names: [String] = []
                for number in 0..<count {
                    let words = try client.value.answer().text.split(separator: " ").map(String.init)
                    #expect(words[1] == "/\(number)")
                    names.append(words[0])
                }
                #expect(Set(names) == ["old", "new"] && names == names.sorted().reversed(), "\(names)")
                #expect(eventually { old.gateway.connectionCount == 0 && old.budget.memoryInUse == 0 })
            }
            try await old.stop()
            try await new.stop()
        }

        @Test("clients that never stop asking lose nothing, however often cores change")
        func underLoad() async throws {
            var gateways: [TestGateway] = []
            for number in 0..<6 {
                var options = TestGateway.Options()
                options.loops = 2
                options.workers = 2
                gateways.append(try await TestGateway(options, Self.naming("\(number)")))
            }
            let first = gateways[0]
            let (stop, done, wrong, answers) = (Flag(), Signal(), Counter(), Counter())
            for number in 0..<8 {
                startThread(name: "client") {
                    do {
                        let client = try first.client()
                        while !stop.isSet {
                            let answer =
                                number % 2 == 0 ? try client.get("/") : try client.post("/", pattern(20_000))
                            if answer.status != 200 || answer.endsConnection { wrong.add() }
                            answers.add()
                        }
                    } catch {
                        print("a client failed: \(error)")
                        wrong.add()
                    }
                    done.raise()
                }
            }
            for (old, new) in zip(gateways, gateways.dropFirst()) {
                let goal = answers.value + 100
                #expect(try await blocking { eventually { answers.value >= goal } })
                await retire(old, to: new)
                #expect(
                    try await blocking {
                        eventually { old.gateway.connectionCount == 0 && new.gateway.connectionCount == 8 }
                    })
            }
            stop.set()
            try await blocking { for _ in 0..<8 where !done.wait() { throw TestFailure("a client hangs") } }
            #expect(wrong.value == 0)
            for gateway in gateways { try await gateway.stop() }
        }

        @Test("who the client is goes along, also when a PROXY header said it")
        func origin() async throws {
            let facts: FakeWorker.Behaviour = { connection in
                while let (request, _) = try connection.readRequest() {
                    let words = ["REMOTE_ADDR", "REMOTE_PORT", "SERVER_PORT", "HTTPS"].map { request.fields[$0] ?? "-" }
                    try connection.answer(words.joined(separator: " "))
                }
            }
            for isProxied in [false, true] {
                let options = TestGateway.Options(proxyProtocol: isProxied)
                let old = try await TestGateway(options, facts)
                let new = try await TestGateway(options, facts)
                let (client, before) = try await blocking {
                    let client = try old.client()
                    if isProxied { try client.send("PROXY TCP6 2001:db8::1 2001:db8::2 4711 443\r\n") }
                    let before = try client.get().text
                    return (Held(client), before)
                }
                #expect(before.hasPrefix(isProxied ? "2001:db8::1 4711 443" : "127.0.0.1 "))
                await retire(old, to: new)
                try await blocking {
                    let after = try client.value.get().text
                    #expect(after == before)
                    #expect(new.gateway.connectionCount == 1)
                }
                try await old.stop()
                try await new.stop()
            }
        }

        @Test("a client that is slow with its answer has all of it before its connection moves")
        func slowReader() async throws {
            let size = 8 << 20
            let large: FakeWorker.Behaviour = { connection in
                while let (request, _) = try connection.readRequest() {
                    if request.path == "/large" {
                        try connection.stream.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
                        try connection.stream.send(pattern(size))
                    } else {
                        try connection.answer("old")
                    }
                }
            }
            let old = try await TestGateway(TestGateway.Options(), large)
            let new = try await TestGateway(TestGateway.Options(), Self.naming("new"))
            let client = try await blocking {
                let client = try old.client(receiveBuffer: 8192)
                try client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(eventually { old.fleet.workers[0].requestCount == 1 })
                return Held(client)
            }
            await retire(old, to: new)
            try await blocking {
                #expect(new.gateway.connectionCount == 0)
                try client.value.send("GET /then HTTP/1.1\r\nHost: a\r\n\r\n")
                let answer = try client.value.answer()
                #expect(answer.body == pattern(size))
                #expect(try client.value.answer().text == "new /then 0")
            }
            try await old.stop()
            try await new.stop()
        }

        @Test("when nobody takes them, idle clients' connections end")
        func nobody() async throws {
            let (old, new) = try await Self.pair()
            let client = try await blocking {
                let client = try old.client()
                #expect(try client.get().status == 200)
                return Held(client)
            }
            await old.gateway.retire { close($1) }
            try await blocking {
                #expect(client.value.isEnded())
                #expect(throws: TestFailure.self) { try old.client() }
            }
            try await old.stop()
            try await new.stop()
        }

        @Test(
            "TLS stays where it is: its next request is answered by the next core, and is the connection's last")
        func secure() async throws {
            let size = 3 << 20
            let count = Counter()
            let large: FakeWorker.Behaviour = { connection in
                while try connection.readRequest() != nil {
                    count.add()
                    try connection.stream.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
                    try connection.stream.send(pattern(size))
                }
            }
            let options = TestGateway.Options(tls: ["example.com"], keepsListener: true)
            let old = try await TestGateway(options, large)
            let new = try await TestGateway(options, large)
            let client = #filePath.split(separator: "/").dropLast(2).map { "/\($0)" }.joined() + "/clients/kept.py"
            let tool = try startTool(["python3", client, "\(old.port)", "/", "\(size)", "3"], in: old.directory)
            let listener = try #require(old.listener)
            #expect(try await blocking { eventually { count.value >= 5 } })
            await retire(old, to: new)
            try await new.gateway.open([GatewayListener(descriptor: listener, isShared: false, isTLS: true)])
            let result = try await blocking { try tool.wait() }
            #expect(result.output.contains("\"connections\": 2, \"failures\": []"), "\(result.output)")
            #expect(try await blocking { eventually { old.gateway.connectionCount == 0 } })
            try await old.stop()
            try await new.stop()
        }
    }
}
