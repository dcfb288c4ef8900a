import HTTPTypes
import Hummingbird
import Logging

/// A line in the server's log for each order, with who gave it. One that was refused to somebody without a token is told at the
/// level debug only: any user of the machine may be refused as often as he likes, and would fill the log. Deploys, rollbacks and restarts have their
/// author in their journal, too.
struct AuditTrail: RouterMiddleware {
    typealias Context = AdminContext

    func handle(
        _ request: Request, context: AdminContext, next: @concurrent (Request, AdminContext) async throws -> Response
    ) async throws -> Response {
        guard request.method != .get, request.method != .head else { return try await next(request, context) }
        let response = try await next(request, context)
        let deed = "\(request.method) \(request.uri.path.prefix(200))"
        let hasToken = context.caller.token.map { $0 != "-" } ?? false
        if (400..<500).contains(response.status.code), !hasToken {
            context.logger.debug("refused: \(context.caller): \(deed): \(response.status.code)")
        } else {
            AuditTrail.note(deed, by: context.caller, "\(response.status.code)", context.logger)
        }
        return response
    }

    static func note(_ deed: String, by caller: Caller, _ result: String, _ logger: Logger) {
        logger.notice("audit: \(caller): \(deed): \(result)")
    }
}
