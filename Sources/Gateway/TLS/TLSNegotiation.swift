package import NIOCore
internal import NIOSSL
internal import NIOTLS

/// What a handshake ended with.
package struct TLSNegotiation: Equatable, Sendable {
    package enum Application: Equatable, Sendable {
        case http1
        case http2
    }

    package enum Failure: Error, Equatable, Sendable, CustomStringConvertible {
        /// No pair of files has been usable yet.
        case noCertificate
        case closedDuringHandshake
        /// What the library says of it.
        case handshake(String)

        package var description: String {
            switch self {
            case .noCertificate: "there is no certificate that can be used"
            case .closedDuringHandshake: "it was closed during the handshake"
            case .handshake(let reason): "the handshake failed: \(reason)"
            }
        }
    }

    /// By ALPN; HTTP/1.1 for a client that does not use it.
    package var application: Application
    /// As sent. Nil also when there is only one certificate: then nobody looked.
    package var serverName: String?
}

extension CertificateStore {
    /// Adds TLS at the end of a new connection's pipeline; on its event loop, before anything is read. Connections keep the
    /// certificate that they began with.
    ///
    /// `completion` is called once: with the result when the handshake is over, in time to add the handlers of that
    /// protocol before their first byte; or with the error when it failed, and the channel is then closing. How long it
    /// may take is for the caller to say.
    package func addHandlers(
        to channel: any Channel, completion: @escaping (Result<TLSNegotiation, any Error>) -> Void
    ) throws {
        let table = self.table
        guard let first = table.first else { throw TLSNegotiation.Failure.noCertificate }
        let end = NegotiationHandler(completion)
        let begin: any ChannelHandler =
            table.hasOne
            ? NIOSSLServerHandler(context: first) : ServerNameHandler(table) { [weak end] in end?.serverName = $0 }
        try channel.pipeline.syncOperations.addHandlers([begin, end])
    }
}

/// Last until the handshake is over.
private final class NegotiationHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    var serverName: String?
    private var completion: ((Result<TLSNegotiation, any Error>) -> Void)?

    init(_ completion: @escaping (Result<TLSNegotiation, any Error>) -> Void) { self.completion = completion }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? TLSUserEvent, case .handshakeCompleted(let name) = event else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        finish(.success(TLSNegotiation(application: name == "h2" ? .http2 : .http1, serverName: serverName)))
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if completion != nil { finish(.failure(TLSNegotiation.Failure(error))) } else { context.fireErrorCaught(error) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(.failure(TLSNegotiation.Failure.closedDuringHandshake))
        context.fireChannelInactive()
    }

    private func finish(_ result: Result<TLSNegotiation, any Error>) {
        guard let completion else { return }
        self.completion = nil
        completion(result)
    }
}
