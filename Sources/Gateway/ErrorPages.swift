internal import HTTP1
internal import Model
internal import Pool

/// The answers that the gateway gives by itself, as pages from `templates/errors` or as JSON.
package struct ErrorPages: Sendable {
    private let template: ErrorTemplate
    private let boot: ErrorTemplate?

    /// `template` is the short page, `boot` the one that tells why an app does not start; `templates/errors/README.md` has their values.
    package init(template: String, boot: String? = nil) {
        self.template = ErrorTemplate(template)
        self.boot = boot.map { ErrorTemplate($0) }
    }

    /// When the templates are missing, a page is still a page.
    package static let plainTemplate = """
        <!doctype html><title>{{status}} {{title}}</title><h1>{{title}}</h1><p>{{message}}</p><p>{{error_id}}</p>

        """

    /// For any version of HTTP. `custom` is the app's own page. `boot` is shown only where the app's settings say so.
    func answer(
        _ failure: GatewayFailure, id: String, route: Route?, accepts: ErrorFormat, custom: ErrorTemplate? = nil,
        boot failed: BootFailure? = nil
    ) -> ErrorAnswer {
        guard case .notBooted(let summary) = failure, let route, route.showsDetails else {
            return answer(
                status: failure.status, message: failure.sentence, id: id, accepts: accepts, custom: custom)
        }
        guard custom == nil, let boot, let failed else {
            return answer(status: failure.status, message: summary, id: id, accepts: accepts, custom: custom)
        }
        let words = ErrorAnswer.Words(
            status: failure.status, title: ErrorPages.reason(failure.status), message: failed.summary, id: id)
        return ErrorAnswer(
            words, format: accepts, template: boot, date: HTTPDate.now(), values: ErrorPages.values(failed, route))
    }

    private static func values(_ failure: BootFailure, _ route: Route) -> [String: String] {
        [
            "app": route.name.rawValue, "summary": failure.summary, "hint": failure.hint ?? "", "step": failure.step,
            "ended": failure.exit?.description ?? "", "directory": route.directory, "user": route.user ?? "",
            "limits": failure.limits.joined(separator: ", "), "details": failure.details ?? "",
            "output": failure.outputTail.joined(separator: "\n"),
            "environment_names": failure.environmentNames.joined(separator: "\n"),
        ]
    }

    /// Any error that has a status and a sentence for people.
    func answer(
        status: Int, message: String, id: String, accepts: ErrorFormat, custom: ErrorTemplate? = nil
    ) -> ErrorAnswer {
        let words = ErrorAnswer.Words(status: status, title: ErrorPages.reason(status), message: message, id: id)
        return ErrorAnswer(words, format: accepts, template: custom ?? template, date: HTTPDate.now())
    }

    static func reason(_ status: Int) -> String {
        switch status {
        case 400: "Bad Request"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 417: "Expectation Failed"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        case 507: "Insufficient Storage"
        default: "Error"
        }
    }
}
