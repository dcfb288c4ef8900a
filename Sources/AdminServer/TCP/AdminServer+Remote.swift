import Hummingbird
import HummingbirdCore
import Linux
import Logging
import NIOCore
import NIOHTTPTypes
package import NIOPosix

extension AdminServer {
    /// Serves callers who are known by their tokens, until its task is cancelled. Takes ownership of `listener`, a listening
    /// TCP socket.
    package func run(
        remote listener: Int32, _ access: RemoteAccess, dashboard files: DashboardFiles? = nil,
        group: MultiThreadedEventLoopGroup
    ) async throws {
        let dashboard = files.map { Dashboard(files: $0, plane: controlPlane, access: access, logger: logger) }
        try await accept(on: listener, group: group) { channel, tasks in
            // What could not be secured is closed before anything is read.
            var isReady = true
            do { try access.secure?(channel) } catch { isReady = false }
            let peer = RemoteAccess.peer(channel.remoteAddress)
            return Self.set(up: channel, logger: logger).map { [isReady] connection in
                let arrival = Arrival(http: connection, peer: peer, isReady: isReady)
                tasks.start { await serve(arrival, access, dashboard) }
            }
        }
    }

    private struct Arrival: Sendable {
        var http: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>
        var peer: String
        var isReady: Bool
    }

    /// The set-up does not depend on who comes.
    private static func set(
        up channel: any Channel, logger: Logger
    ) -> EventLoopFuture<NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>> {
        channelOf { _ in throw CancellationError() }.setup(channel: channel, logger: logger)
    }

    private static func channelOf(_ answer: @escaping @Sendable (Request) async throws -> Response) -> HTTP1Channel {
        HTTP1Channel(
            responder: { request, writer, channel in
                let response = try await answer(request)
                try await writer.write(response: response.head, body: response.body(for: request))
                if response.headers[.connection] == "close" { channel.close(promise: nil) }
            },
            configuration: .init(
                idleTimeout: AdminServer.idleTimeout,
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: 8 << 10, maxHeaderListSize: 16 << 10, maxHeaderFieldCount: 64)))
    }

    private func serve(_ arrival: Arrival, _ access: RemoteAccess, _ dashboard: Dashboard?) async {
        let channel = arrival.http.channel
        guard arrival.isReady, access.enter(arrival.peer) else {
            logger.debug("admin connection from \(arrival.peer) refused: too many, or no certificate")
            return await refuse(arrival.http)
        }
        let connection = RemoteConnection(
            peer: arrival.peer, access: access, plane: controlPlane, uploads: uploads, dashboard: dashboard,
            logger: logger)
        defer { access.leave(arrival.peer, wasKnown: connection.isKnown) }
        let deadline = channel.eventLoop.scheduleTask(in: RemoteConnection.patience) {
            if !connection.isKnown { channel.close(promise: nil) }
        }
        defer { deadline.cancel() }
        await handle(arrival.http, by: Self.channelOf { try await connection.answer($0) })
    }
}
