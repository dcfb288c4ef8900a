import NIOCore

/// The pages that the gateway answers with by itself, from `templates/errors/error.html`.
package struct ErrorPages: Sendable {
    private let template: String

    /// `template` has the placeholders `{{status}}`, `{{title}}`, `{{message}}`, `{{error_id}}`.
    package init(template: String) { self.template = template }

    /// When the templates are missing, a page is still a page.
    package static let plainTemplate = """
        <!doctype html><title>{{status}} {{title}}</title><h1>{{title}}</h1><p>{{message}}</p><p>{{error_id}}</p>

        """

    /// A whole response. HEAD gets the head that GET would get (RFC 9110 section 9.3.2).
    func page(_ failure: GatewayFailure, id: String, route: Route?, wantsBody: Bool, keepAlive: Bool) -> ByteBuffer {
        let status = failure.status
        let title = ErrorPages.reason(status)
        var message = failure.sentence
        if case .notBooted(let summary) = failure, route?.showsDetails == true { message = summary }
        let body = fill(["status": "\(status)", "title": title, "message": message, "error_id": id])
        var head = "HTTP/1.1 \(status) \(title)\r\nDate: \(HTTPDate.now())\r\n"
        head += "Content-Type: text/html; charset=utf-8\r\nContent-Length: \(body.utf8.count)\r\n"
        head += "Cache-Control: no-store\r\nX-Error-ID: \(id)\r\n"
        if status == 503 { head += "Retry-After: 5\r\n" }
        if status == 405 { head += "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n" }
        head += "Connection: \(keepAlive ? "keep-alive" : "close")\r\n\r\n"
        return ByteBuffer(string: wantsBody ? head + body : head)
    }

    /// Values are escaped for HTML.
    private func fill(_ values: [String: String]) -> String {
        var text = ""
        var rest = template[...]
        while let open = rest.firstRange(of: "{{"), let close = rest[open.upperBound...].firstRange(of: "}}") {
            text += rest[..<open.lowerBound]
            let name = String(rest[open.upperBound..<close.lowerBound])
            text += ErrorPages.escape(values[name] ?? "")
            rest = rest[close.upperBound...]
        }
        return text + rest
    }

    private static func escape(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.append(character)
            }
        }
        return escaped
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
