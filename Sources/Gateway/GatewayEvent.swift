package import HTTP1
package import Model

/// What the gateway has to tell people. Sent from event loops: the receiver must not block.
package enum GatewayEvent: Sendable {
    case rejected(Rejection, peer: String)
    case badChunks(ChunkRejection, peer: String)
    case bufferFull(disk: Bool)
    case connectFailed(WorkerNumber, reason: String)
    case upstreamLost(WorkerNumber, answerHadBegun: Bool)
    case badAnswer(WorkerNumber, reason: String)
    /// An error page went out; `id` is on it, `request` the id that the app would have seen.
    case answered(GatewayFailure, id: String, app: AppName?, request: String?)
    /// The worker sent more than its answer; its connection is not used again.
    case answerTooLong(WorkerNumber)
    /// A worker sent something on a connection that no request was on; it is closed.
    case idleWorkerSpoke(WorkerNumber)
    /// A client took too long over what the limit of this name is about, and its connection was ended.
    case clientTooSlow(limit: String, peer: String)
    case tooManyConnections(limit: Int)
    /// A listener that demands the PROXY protocol got something else.
    case badProxyHeader(ProxyRejection, peer: String)
    /// TLS or HTTP/2: no handshake, or the client broke the protocol.
    case secureConnectionFailed(reason: String, peer: String)
    /// Nothing is accepted for a moment: no descriptors, or no memory. Clients wait in the kernel's queue.
    case acceptFailed(reason: String)
    /// A static file could not be opened for want of descriptors, or because the disk failed.
    case fileFailed(reason: String)
    /// An app named a file that it may not send.
    case fileRefused(reason: String)
    /// More events of a kind than were sent, in the time that ended now.
    case repeated(GatewayEventKind, more: Int, seconds: Int)

    var kind: GatewayEventKind {
        switch self {
        case .rejected: .init(words: "requests refused", app: nil)
        case .badChunks: .init(words: "bodies refused", app: nil)
        case .bufferFull: .init(words: "request bodies without room", app: nil)
        case .connectFailed: .init(words: "workers unreachable", app: nil)
        case .upstreamLost: .init(words: "answers that a worker broke off", app: nil)
        case .badAnswer: .init(words: "answers that were nonsense", app: nil)
        case .answered(let failure, _, let app, _): .init(words: "answers \(failure.status): \(failure)", app: app)
        case .answerTooLong: .init(words: "answers longer than they said", app: nil)
        case .idleWorkerSpoke: .init(words: "words of a worker that nobody had asked for", app: nil)
        case .clientTooSlow(let limit, _): .init(words: "clients too slow (\(limit))", app: nil)
        case .tooManyConnections: .init(words: "times max_connections reached", app: nil)
        case .badProxyHeader: .init(words: "connections without a right PROXY header", app: nil)
        case .secureConnectionFailed: .init(words: "TLS connections that failed", app: nil)
        case .acceptFailed: .init(words: "times no connections accepted", app: nil)
        case .fileFailed: .init(words: "static files not opened", app: nil)
        case .fileRefused: .init(words: "files of an app not sent", app: nil)
        case .repeated(let kind, _, _): kind
        }
    }
}
