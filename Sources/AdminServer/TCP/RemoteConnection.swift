import AdminAPI
import HTTPTypes
import Hummingbird
import Logging
import Model
import NIOCore
import Synchronization

/// One connection over TCP. Who asks is said by each request, and until one has said it well the connection is a stranger's,
/// who may stay for `patience` and is answered by little more than "who are you?".
final class RemoteConnection: Sendable {
    static let patience = TimeAmount.seconds(15)

    let peer: String
    private let access: RemoteAccess
    private let plane: any ControlPlane
    private let uploads: ArchiveUpload
    /// Nil where its files are not installed.
    private let dashboard: Dashboard?
    private let logger: Logger
    private let known = Mutex(false)

    init(
        peer: String, access: RemoteAccess, plane: any ControlPlane, uploads: ArchiveUpload, dashboard: Dashboard?,
        logger: Logger
    ) {
        self.dashboard = dashboard
        self.peer = peer
        self.access = access
        self.plane = plane
        self.uploads = uploads
        self.logger = logger
    }

    var isKnown: Bool { known.withLock { $0 } }

    func answer(_ request: Request) async throws -> Response {
        if let dashboard, request.headers[.authorization] == nil, Dashboard.isOurs(request.uri.path) {
            return try await dashboard.answer(
                request, signIn: { token throws(ControlError) in try admit(token) },
                recognized: { () throws(ControlError) in try becomeKnown() })
        }
        do throws(ControlError) {
            guard let header = request.headers[.authorization] else { return try await answer(stranger: request) }
            guard let token = Self.bearer(header) else { throw Self.unauthorized }
            let holder = try admit(token)
            let standing = holder.standing(apps: await plane.apps().map(\.name))
            return try await respond(request, Caller(token: holder.name, uid: access.serverUser), standing)
        } catch {
            return error.answer()
        }
    }

    /// `livez` and `readyz` say as little as they do to a stranger on the Unix socket; the rest is not there for them.
    private func answer(stranger request: Request) async throws(ControlError) -> Response {
        guard AccessCheck.open.contains(request.uri.path) else { throw Self.unauthorized }
        return try await respond(request, Caller(token: "-", uid: access.serverUser), .roles([:]))
    }

    private func respond(
        _ request: Request, _ caller: Caller, _ standing: Standing
    ) async throws(ControlError) -> Response {
        let routes = AdminRoutes(controlPlane: plane, standing: standing, uploads: uploads).responder()
        let context = AdminContext(source: AdminContextSource(logger: logger, caller: caller))
        do {
            return try await routes.respond(to: request, context: context)
        } catch {
            // The routes' own middleware has answered whatever can be answered.
            throw ControlError(.internalError, "The server could not answer: \(error).")
        }
    }

    private func admit(_ token: String) throws(ControlError) -> TokenTable.Holder {
        switch access.judge(token, from: peer) {
        case .granted(let holder):
            try becomeKnown()
            return holder
        case .refused:
            logger.warning("admin: a token that nobody has, from \(peer)")
            throw ControlError(
                .unauthorized, "Nobody has this token.", hint: "See 'admin_tokens' in the server's file.")
        case .wait(let time):
            let seconds = Int(time.components.seconds) + 1
            throw ControlError(
                .tooManyAttempts, "Too many wrong tokens came from there.", hint: "Try again in \(seconds) s.")
        }
    }

    private func becomeKnown() throws(ControlError) {
        let hasPlace = known.withLock { known in
            known = known || access.becomeKnown(peer)
            return known
        }
        guard hasPlace else {
            throw ControlError(.notRunning, "Too many connections are open.", hint: "Try again in a moment.")
        }
    }

    /// RFC 9110 section 11.1: the scheme in any case, blanks, the token.
    private static func bearer(_ header: String) -> String? {
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return String(parts[1].drop { $0 == " " })
    }

    private static let unauthorized = ControlError(
        .unauthorized, "Who asks? Send a token: 'Authorization: Bearer TOKEN'.",
        hint: "Tokens are in the file that 'admin_tokens' names.")
}
