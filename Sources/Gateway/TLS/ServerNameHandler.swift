internal import NIOCore
internal import NIOSSL

/// Waits for the client's hello, and puts a TLS handler with the right certificate in its own place.
///
/// Cheaper than TLSConfiguration's `sslContextCallback`, which suspends each handshake for a turn of the loop, and more exact:
/// each certificate keeps a context, and with it session tickets, of its own.
final class ServerNameHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let table: CertificateTable
    private let onName: (String?) -> Void
    private var received: ByteBuffer?
    private var isDone = false

    init(_ table: CertificateTable, onName: @escaping (String?) -> Void) {
        self.table = table
        self.onName = onName
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = unwrapInboundIn(data)
        guard !isDone else {
            context.fireChannelRead(data)
            return
        }
        if received == nil { received = part } else { received?.writeBuffer(&part) }
        guard let bytes = received else { return }
        switch bytes.withUnsafeReadableBytes(ClientHello.parse) {
        case .needMore where bytes.readableBytes <= ClientHello.longest: break
        case .needMore: proceed(context, bytes, name: nil)
        case .serverName(let name): proceed(context, bytes, name: name)
        }
    }

    private func proceed(_ context: ChannelHandlerContext, _ bytes: ByteBuffer, name: String?) {
        isDone = true
        received = nil
        onName(name)
        guard let certificate = table.context(for: name) else {
            context.fireErrorCaught(TLSNegotiation.Failure.noCertificate)
            context.close(promise: nil)
            return
        }
        do {
            let handler = NIOSSLServerHandler(context: certificate)
            try context.pipeline.syncOperations.addHandler(handler, position: .after(self))
        } catch {
            context.fireErrorCaught(error)
            context.close(promise: nil)
            return
        }
        context.fireChannelRead(wrapInboundOut(bytes))
        context.fireChannelReadComplete()
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }
}
