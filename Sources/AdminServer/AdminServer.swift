import AdminAPI
import Hummingbird
import HummingbirdCore
import Linux
package import Logging
import NIOCore
import NIOHTTPTypes
package import NIOPosix
import Synchronization

/// Serves the admin API on a Unix socket that somebody else bound and listens on.
///
/// Hummingbird's own server unlinks and binds its path again, which would take the socket away from the supervisor; so
/// its HTTP channel is driven over NIO's bootstrap here.
package struct AdminServer: Sendable {
    let controlPlane: any ControlPlane
    private let access: AccessPolicy
    let logger: Logger
    private let connections: ConnectionLimit
    let uploads = ArchiveUpload()
    let listening = ListeningChannels()

    /// An idle connection is closed after this long; one that streams events is not idle.
    static let idleTimeout = TimeAmount.seconds(60)
    /// How long a peer may take to read the end of its answer when the server stops.
    private static let farewell = TimeAmount.seconds(1)

    package init(controlPlane: any ControlPlane, access: AccessPolicy, logger: Logger) {
        self.controlPlane = controlPlane
        self.access = access
        self.logger = logger
        connections = ConnectionLimit()
    }

    /// Runs until its task is cancelled. Takes ownership of `listener`, a listening Unix stream socket.
    package func run(listener: Int32, group: MultiThreadedEventLoopGroup) async throws {
        let http = makeHTTP(for: nil)
        try await accept(on: listener, group: group) { channel, tasks in
            http.setup(channel: channel, logger: logger).map { connection in
                let arrival = AdminConnection(http: connection, caller: caller(on: channel))
                tasks.start { await serve(arrival) }
            }
        }
    }

    /// Until this task is cancelled; then ends what `arrive` has started.
    func accept(
        on listener: Int32, group: MultiThreadedEventLoopGroup,
        arrive: @escaping @Sendable (any Channel, ConnectionTasks) -> EventLoopFuture<Void>
    ) async throws {
        let tasks = ConnectionTasks()
        let server = try await ServerBootstrap(group: group)
            .childChannelInitializer { arrive($0, tasks) }
            .withBoundSocket(listener).get()
        listening.add(server)
        let end = await withTaskCancellationHandler {
            await Task { try await server.closeFuture.get() }.result
        } onCancel: {
            server.close(promise: nil)
        }
        await tasks.end()
        try end.get()
    }

    /// Somebody else does from now on. Connections that are there are served until they end, or `run` is cancelled. The socket is
    /// closed only then: one that is being accepted would be lost with it.
    package func stopAccepting() async {
        for channel in listening.all { try? await channel.setOption(.autoRead, value: false).get() }
    }

    private func serve(_ connection: AdminConnection) async {
        guard let caller = connection.caller,
            let place = connections.enter(uid: caller.uid, isMember: access.hasAll(caller))
        else {
            logger.debug("admin connection refused: too many, or a peer without credentials")
            return await refuse(connection.http)
        }
        defer { connections.leave(place) }
        let standing = await standing(of: caller)
        await handle(connection.http, by: makeHTTP(for: caller, standing))
    }

    /// Not by `close` alone: NIO ends the process when what reads and writes is let go of before it has heard of that.
    func refuse(_ connection: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>) async {
        try? await connection.executeThenClose { _, _ in }
    }

    /// Until the connection ends.
    func handle(_ connection: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>, by http: HTTP1Channel) async {
        let channel = connection.channel
        let task = Task { await http.handle(value: connection, logger: logger) }
        // A client that goes away while an operation is silent is noticed here, and not at the next event.
        channel.closeFuture.whenComplete { _ in task.cancel() }
        await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            // Whoever is cancelled closes its reading side first, which NIO takes for a mistake before the loop has the channel.
            channel.eventLoop.execute {
                if channel.isActive { task.cancel() } else { channel.close(promise: nil) }
            }
            channel.eventLoop.scheduleTask(in: AdminServer.farewell) { channel.close(promise: nil) }
        }
    }

    private func standing(of caller: Caller) async -> Standing {
        guard !access.hasAll(caller) else { return .all }
        return access.standing(of: CallerIdentity(caller), apps: await controlPlane.access())
    }

    /// The channel's set-up does not depend on the caller, its answers do: `nil` is for the set-up only.
    private func makeHTTP(for caller: Caller?, _ standing: Standing = .roles([:])) -> HTTP1Channel {
        let routes = caller.map { _ in
            AdminRoutes(controlPlane: controlPlane, standing: standing, uploads: uploads).responder()
        }
        return HTTP1Channel(
            responder: { [logger] request, writer, channel in
                guard let caller, let routes else { return }
                let context = AdminContext(source: AdminContextSource(logger: logger, caller: caller))
                let response = try await routes.respond(to: request, context: context)
                try await writer.write(response: response.head, body: response.body(for: request))
                if response.headers[.connection] == "close" { channel.close(promise: nil) }
            }, configuration: .init(idleTimeout: AdminServer.idleTimeout))
    }
}

extension Response {
    /// After an answer to HEAD it would be taken for the beginning of the next answer (RFC 9110 section 9.3.2).
    func body(for request: Request) -> ResponseBody { request.method == .head ? ResponseBody() : body }
}

/// Those that accept.
final class ListeningChannels: Sendable {
    private let stored = Mutex<[any Channel]>([])
    var all: [any Channel] { stored.withLock { $0 } }
    func add(_ channel: any Channel) { stored.withLock { $0.append(channel) } }
}

private struct AdminConnection: Sendable {
    var http: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>
    /// Nil when the kernel would not say.
    var caller: Caller?
}

private func caller(on channel: any Channel) -> Caller? {
    let peer = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
        try peerCredentials($0)
    }
    return peer.map { Caller(uid: $0.uid, pid: $0.pid) }
}
