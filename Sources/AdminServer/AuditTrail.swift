import HTTPTypes
import Hummingbird
import Logging

/// A line in the server's log for each order, done or refused, with who gave it. Deploys, rollbacks and restarts have their
/// author in their journal, too.
struct AuditTrail: RouterMiddleware {
    typealias Context = AdminContext

    func handle(
        _ request: Request, context: AdminContext, next: @concurrent (Request, AdminContext) async throws -> Response
    ) async throws -> Response {
        guard request.method != .get, request.method != .head else { return try await next(request, context) }
        let response = try await next(request, context)
        AuditTrail.note(
            "\(request.method) \(request.uri.path)", by: context.caller, "\(response.status.code)", context.logger)
        return response
    }

    static func note(_ deed: String, by caller: Caller, _ result: String, _ logger: Logger) {
        logger.notice("audit: \(caller): \(deed): \(result)")
    }
}
