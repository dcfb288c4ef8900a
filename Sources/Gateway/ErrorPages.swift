internal import HTTP1

/// The answers that the gateway gives by itself, as pages from `templates/errors/error.html` or as JSON.
package struct ErrorPages: Sendable {
    private let template: ErrorTemplate

    /// `template` has the placeholders of `ErrorTemplate`.
    package init(template: String) { self.template = ErrorTemplate(template) }

    /// When the templates are missing, a page is still a page.
    package static let plainTemplate = """
        <!doctype html><title>{{status}} {{title}}</title><h1>{{title}}</h1><p>{{message}}</p><p>{{error_id}}</p>

        """

    /// For any version of HTTP. `custom` is the app's own page.
    func answer(
        _ failure: GatewayFailure, id: String, route: Route?, accepts: ErrorFormat, custom: ErrorTemplate? = nil
    ) -> ErrorAnswer {
        var message = failure.sentence
        if case .notBooted(let summary) = failure, route?.showsDetails == true { message = summary }
        return answer(status: failure.status, message: message, id: id, accepts: accepts, custom: custom)
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
