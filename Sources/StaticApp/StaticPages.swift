internal import HTTP1

/// All that the worker of a site without code can answer.
struct StaticPages: Sendable, Equatable {
    private static let plainNotFound = """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><title>Not found</title></head>
        <body><h1>Not found</h1><p>There is no such page here.</p></body></html>

        """

    /// `index.html`.
    var index: [UInt8]
    /// `404.html`, if the site has one.
    var notFound: [UInt8]?

    /// The whole answer as HTTP/1.1. `keepsAlive` is false when the request has a body, which nobody reads.
    func answer(to method: Method, path: String, keepsAlive: Bool) -> [UInt8] {
        guard method == .get || method == .head else {
            let text = Array("A site of files takes GET and HEAD only.\n".utf8)
            return answer(
                "405 Method Not Allowed", "text/plain", text, method, keepsAlive, more: "Allow: GET, HEAD\r\n")
        }
        if path == "/" { return answer("200 OK", "text/html", index, method, keepsAlive) }
        let page = notFound ?? Array(Self.plainNotFound.utf8)
        return answer("404 Not Found", "text/html", page, method, keepsAlive)
    }

    private func answer(
        _ status: String, _ type: String, _ body: [UInt8], _ method: Method, _ keepsAlive: Bool, more: String = ""
    ) -> [UInt8] {
        let connection = keepsAlive ? "" : "Connection: close\r\n"
        let head =
            "HTTP/1.1 \(status)\r\nContent-Type: \(type); charset=utf-8\r\nContent-Length: \(body.count)\r\n"
            + more + connection + "\r\n"
        return Array(head.utf8) + (method == .head ? [] : body)
    }
}
