import Model
import NIOCore
import NIOPosix
import NIOSSL
import Testing

@testable import TLS

/// Real handshakes over loopback.
@Suite(.serialized, .timeLimit(.minutes(5))) struct HandshakeTests {
    struct Outcome: Sendable {
        var server: Result<TLSNegotiation, any Error>
        var names: [String]
        var version: TLSVersion?
    }

    let made: Certificates
    init() throws { made = try Certificates() }

    private func store(_ names: String..., http2: Bool = true) -> CertificateStore {
        var settings = TLSSettings()
        settings.certificates = names.map(made.files)
        settings.http2 = http2
        return CertificateStore(settings, now: .zero, unixSeconds: wallClock())
    }

    @Test func theServerNameSelectsTheCertificate() async throws {
        try made.make("first", ["DNS:example.com"])
        try made.make("star", ["DNS:*.example.com"])
        let server = try await Server(store("first", "star"))
        for (name, expected) in [
            ("example.com", "example.com"), ("a.example.com", "*.example.com"), ("b.org", "example.com"),
        ] {
            let outcome = try await server.connect(name: name)
            #expect(outcome.names == [expected])
            #expect(try outcome.server.get() == TLSNegotiation(application: .http1, serverName: name))
        }
        let nameless = try await server.connect(name: nil)
        #expect(nameless.names == ["example.com"])
        try await server.stop()
    }

    @Test func theProtocolIsNegotiated() async throws {
        try made.make("a", ["DNS:example.com"])
        try made.make("b", ["DNS:b.example.com"])
        let offers: [([String], Bool, TLSNegotiation.Application)] = [
            (["h2", "http/1.1"], true, .http2), (["http/1.1"], true, .http1), ([], true, .http1), (["x"], true, .http1),
            (["h2", "http/1.1"], false, .http1),
        ]
        for (offered, http2, expected) in offers {
            // With one certificate nobody looks at the hello first; with two somebody does.
            for store in [store("a", http2: http2), store("a", "b", http2: http2)] {
                let server = try await Server(store)
                let outcome = try await server.connect(name: "example.com", protocols: offered)
                #expect(try outcome.server.get().application == expected, "\(offered)")
                try await server.stop()
            }
        }
    }

    @Test func versionsBeforeTLS12AreRefused() async throws {
        try made.make("a", ["DNS:example.com"])
        let server = try await Server(store("a"))
        let modern = try await server.connect(name: nil)
        #expect(modern.version == .tlsv13)
        let older = try await server.connect(name: nil, newest: .tlsv12)
        #expect(older.version == .tlsv12)
        let old = try await server.connect(name: nil, newest: .tlsv11)
        #expect(old.version == nil)
        #expect(throws: (any Error).self) { try old.server.get() }
        try await server.stop()
    }

    @Test func aReloadIsForNewConnectionsAndDropsNone() async throws {
        try made.make("a", ["DNS:old.example.com"])
        let store = store("a")
        let server = try await Server(store)
        let (channel, first) = try await server.open(name: nil)
        #expect(first.names == ["old.example.com"])
        try made.make("a", ["DNS:new.example.com"])
        #expect(store.poll(now: at(1), unixSeconds: wallClock()).replaced.count == 1)
        let second = try await server.connect(name: nil)
        #expect(second.names == ["new.example.com"])
        // The old one still works.
        try await channel.writeAndFlush(ByteBuffer(string: "ping"))
        #expect(channel.isActive)
        try await channel.close()
        try await server.stop()
    }

    @Test func plainHTTPAndGarbageFail() async throws {
        try made.make("a", ["DNS:example.com"])
        try made.make("b", ["DNS:b.example.com"])
        for store in [store("a"), store("a", "b")] {
            let server = try await Server(store)
            let result = try await server.sendPlain("GET / HTTP/1.1\r\n\r\n")
            let error = #expect(throws: TLSNegotiation.Failure.self) { try result.get() }
            let words = error.map { "\($0)" } ?? ""
            // The log of whoever reads it has no use for the library's types and source files.
            #expect(words.wholeMatch(of: /the handshake failed: [a-z0-9 ,]+/) != nil, "\(words)")
            try await server.stop()
        }
    }

    @Test func withoutCertificatesThereIsNoTLS() async throws {
        let store = store("absent")
        #expect(store.table.first == nil)
        let server = try await Server(store)
        let result = try await server.sendPlain("x")
        guard case .failure(TLSNegotiation.Failure.noCertificate) = result else {
            Issue.record("expected noCertificate")
            return
        }
        try await server.stop()
    }
}

/// Accepts on loopback, and tells how each handshake ended.
private final class Server: Sendable {
    private let listener: any Channel
    private let results: AsyncStream<Result<TLSNegotiation, any Error>>
    private let group = MultiThreadedEventLoopGroup.singleton

    init(_ store: CertificateStore) async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: Result<TLSNegotiation, any Error>.self)
        results = stream
        listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 8)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    do {
                        try store.addHandlers(to: channel) { continuation.yield($0) }
                    } catch {
                        continuation.yield(.failure(error))
                        throw error
                    }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    func stop() async throws { try await listener.close() }

    private func nextResult() async throws -> Result<TLSNegotiation, any Error> {
        var iterator = results.makeAsyncIterator()
        guard let result = await iterator.next() else { throw ChannelError.eof }
        return result
    }

    func connect(
        name: String?, protocols: [String] = [], newest: TLSVersion = .tlsv13
    ) async throws -> HandshakeTests.Outcome {
        let (channel, outcome) = try await open(name: name, protocols: protocols, newest: newest)
        try? await channel.close()
        return outcome
    }

    func open(
        name: String?, protocols: [String] = [], newest: TLSVersion = .tlsv13
    ) async throws -> (any Channel, HandshakeTests.Outcome) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        configuration.minimumTLSVersion = .tlsv1
        configuration.maximumTLSVersion = newest
        configuration.applicationProtocols = protocols
        let context = try NIOSSLContext(configuration: configuration)
        let channel = try await ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLClientHandler(context: context, serverHostname: name))
                }
            }
            .connect(to: listener.localAddress!).get()
        let result = try await nextResult()
        let isDone = (try? result.get()) != nil
        let facts = try? await channel.eventLoop.submit { () -> (TLSVersion?, [String]) in
            guard isDone, let handler = try? channel.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self)
            else {
                return (nil, [])
            }
            return (handler.tlsVersion, handler.peerCertificate.map(CertificateNames.of) ?? [])
        }.get()
        return (channel, .init(server: result, names: facts?.1 ?? [], version: facts?.0))
    }

    func sendPlain(_ text: String) async throws -> Result<TLSNegotiation, any Error> {
        let channel = try await ClientBootstrap(group: group).connect(to: listener.localAddress!).get()
        try? await channel.writeAndFlush(ByteBuffer(string: text))
        let result = try await nextResult()
        try? await channel.close()
        return result
    }
}
