import AdminAPI
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// Every failure leaves as one JSON shape, `{"error": {"code", "message", "hint", "details"}}`.
struct ErrorEnvelope: Codable {
    var error: ControlError
}

extension ControlError {
    func answer() -> Response {
        // Encoding four strings does not fail; should it ever, the status still says what happened.
        var body = (try? WireJSON.encode(ErrorEnvelope(error: self), pretty: true)) ?? []
        body.append(UInt8(ascii: "\n"))
        var headers: HTTPFields = [.contentType: "application/json"]
        // What is left of such a request is not worth reading.
        if [.forbidden, .bodyTooLarge, .unauthorized, .tooManyAttempts].contains(code) {
            headers[.connection] = "close"
        }
        if code == .unauthorized { headers[.wwwAuthenticate] = "Bearer" }
        if code == .tooManyAttempts { headers[.retryAfter] = "\(AttemptLimit.ofPeer.every.components.seconds)" }
        let status = HTTPResponse.Status(code: code.httpStatus)
        return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: body)))
    }
}

/// Turns whatever a route throws, and what the router itself refuses, into an answer.
struct ErrorAnswers: RouterMiddleware {
    typealias Context = AdminContext
    let table: @Sendable () -> RouteTable

    func handle(
        _ request: Request, context: AdminContext, next: @concurrent (Request, AdminContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as ControlError {
            return error.answer()
        } catch let error as HTTPError where error.status == .notFound {
            let path = request.uri.path
            let methods = table().methods(at: path)
            guard methods.isEmpty else { return ErrorAnswers.notAllowed(request, methods) }
            return ControlError(.notFound, "There is nothing at \(request.method) \(path).", hint: "See GET /status.")
                .answer()
        } catch let error as any HTTPResponseError where error.status.code < 500 {
            return ControlError(.usage, "The request cannot be understood: \(error).").answer()
        } catch {
            context.logger.error("admin request failed", metadata: ["error": "\(error)"])
            return ControlError(.internalError, "The server could not answer: \(error).").answer()
        }
    }
}

extension ErrorAnswers {
    /// RFC 9110 section 15.5.6: with the methods that there are.
    private static func notAllowed(_ request: Request, _ methods: [HTTPRequest.Method]) -> Response {
        let names = methods.map(\.rawValue).joined(separator: ", ")
        var answer = ControlError(
            .methodNotAllowed, "\(request.method) is not for \(request.uri.path).", hint: "There is: \(names)."
        ).answer()
        answer.headers[.allow] = names
        return answer
    }
}

/// Refuses a caller before any route is looked up.
struct AccessCheck: RouterMiddleware {
    typealias Context = AdminContext
    /// For whatever looks after the machine's servers, under any user.
    static let open: Set = ["/livez", "/readyz"]
    let standing: Standing

    func handle(
        _ request: Request, context: AdminContext, next: @concurrent (Request, AdminContext) async throws -> Response
    ) async throws -> Response {
        // Only browsers send these, and no page has any business here: it might be anybody's, and the connection an operator's
        // own through ssh.
        guard request.headers[.origin] == nil, request.isOfThisSite else {
            throw ControlError(.forbidden, "The admin API is not for pages of other sites.")
        }
        guard !standing.isStranger || AccessCheck.open.contains(request.uri.path) else {
            throw ControlError(
                .forbidden, "\(context.caller.subject) may not control this server.",
                hint: "Run the command as root, as the user that the server runs as, as an app's owner, or as somebody "
                    + "who has a role with one: 'roles' in the server file.")
        }
        return try await next(request, context)
    }
}

extension Request {
    /// False when a browser says that a page of another site has sent it there.
    var isOfThisSite: Bool {
        guard let name = HTTPField.Name("Sec-Fetch-Site"), let site = headers[name] else { return true }
        return site == "same-origin" || site == "none"
    }
}
