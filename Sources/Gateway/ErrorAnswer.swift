internal import HTTP1
internal import Model

/// What a client takes an error in.
package enum ErrorFormat: Equatable, Sendable {
    case html, json

    /// By Accept: JSON for those who ask for it, HTML for everybody else.
    init(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer) {
        self = AcceptScan.prefersJSON(head, bytes) ? .json : .html
    }
}

/// An answer of the gateway's own, for any version of HTTP: the connection's fields are left to its sender.
package struct ErrorAnswer: Equatable, Sendable {
    /// What it says. `message` is one sentence for people, `id` what the log has it under.
    struct Words: Equatable, Sendable {
        var status: Int
        var title: String
        var message: String
        var id: String

        /// What a page calls them.
        var values: [String: String] {
            ["status": "\(status)", "title": title, "message": message, "error_id": id]
        }
    }

    package let status: Int
    /// Without Connection. Content-Length is that of `body`, also where the body is not sent (HEAD).
    package let fields: [Field]
    package let body: String

    package struct Field: Equatable, Sendable {
        package let name: String
        package let value: String
    }

    /// `values`: more than the words, for a page that says more.
    init(
        _ words: Words, format: ErrorFormat, template: ErrorTemplate, date: String, values: [String: String] = [:]
    ) {
        status = words.status
        body =
            format == .json
            ? ErrorAnswer.json(words) : template.fill(words.values.merging(values, uniquingKeysWith: { $1 }))
        var fields = [
            Field(name: "Date", value: date),
            Field(
                name: "Content-Type",
                value: format == .json ? "application/json; charset=utf-8" : "text/html; charset=utf-8"),
            Field(name: "Content-Length", value: "\(body.utf8.count)"), Field(name: "Cache-Control", value: "no-store"),
            Field(name: "X-Error-ID", value: words.id),
        ]
        if words.status == 503 { fields.append(Field(name: "Retry-After", value: "5")) }
        if words.status == 405 {
            fields.append(Field(name: "Allow", value: "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"))
        }
        self.fields = fields
    }

    /// The head in HTTP/1.1, without Connection and without the empty line at its end.
    package var head: String {
        var text = "HTTP/1.1 \(status) \(ErrorPages.reason(status))\r\n"
        for field in fields { text += "\(field.name): \(field.value)\r\n" }
        return text
    }

    private static func json(_ words: Words) -> String {
        "{\"status\":\(words.status),\"title\":\(JSONText.quoted(words.title)),"
            + "\"message\":\(JSONText.quoted(words.message)),\"error_id\":\(JSONText.quoted(words.id))}\n"
    }
}
