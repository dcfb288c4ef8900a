/// Inputs to begin with: what well-formed messages look like, and the known tricks.
extension FuzzTarget {
    package var seeds: [[UInt8]] {
        switch self {
        case .requestHead, .session: Self.requests.map { Array($0.utf8) }
        case .nioRequest:
            Self.requests.map { Array($0.utf8) } + Self.chunks.map { Array((Self.chunkedHead + $0).utf8) }
        case .responseHead, .nioResponse:
            Self.responses.flatMap { text in [0, 1].map { [UInt8($0)] + Array(text.utf8) } }
        case .proxyProtocol: Self.proxyLines.map { Array($0.utf8) } + Self.proxyHeaders
        case .chunked, .nioChunked: Self.chunks.map { Array($0.utf8) }
        }
    }

    private static let chunkedHead = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

    private static let requests = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET /a/b?c=d HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "POST /a%20b?%zz HTTP/1.1\r\nHost: example.com:8080\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\nTE: trailers\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "GET http://example.com?q HTTP/1.1\r\nHost: other\r\nX-Forwarded-For: 1\r\nx-forwarded-for: 2\r\n\r\n",
        "GET https://[::1]:443/ HTTP/1.1\r\nHost: [::1]\r\nForwarded: for=1\r\nX-Real-IP: 1\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, X-A\r\nUpgrade: websocket\r\nX-A: 1\r\nX_A: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\nX-A: 1\r\ncookie: c=d\r\nx-a: 2\r\nProxy: x\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\nKeep-Alive: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc", "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-A\r\nClose: 1\r\nX-A: 2\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "M-SEARCH /~{|} HTTP/1.7\r\nhOsT: a\r\nX:\t\u{80}\t \r\n\r\n",
    ]

    private static let responses = [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.0 200\r\nConnection: keep-alive, X-A\r\nX-A: b\r\nx_a: c\r\n\r\nok",
        "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nConnection: close\r\nStatus: 200\r\n\r\n",
        "HTTP/1.1 200 O\tK\u{80}\r\nX: a\r\n b\r\n\r\n", "HTTP/1.1 999 \r\nServer: a\r\nDate: b\r\nVary: *\r\n\r\n",
    ]

    private static let chunks = [
        "3\r\nabc\r\n0\r\n\r\n", "0\r\n\r\nGET / HTTP/1.1\r\n", "a;x=\"y\"\r\n0123456789\r\n00\r\nX: y\r\nZ:\r\n\r\n",
        "1\r\na\r\n2\r\nbc\r\n0000000000000000\r\n\r\n", "ffffffffffffffff\r\nabc", "7fffffffffffffff\r\nabc",
        "3 \r\nabc\r\n0\r\n\r\n", "3\nabc\n0\n\n", "3\r\nabcd\r\n0\r\n\r\n", "+3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n", "3;\n\r\nabc\r\n0\r\n\r\n", "0\r\nContent-Length: 5\r\n\r\n", "0\r\n X: y\r\n\r\n",
        "3\r\nabc0\r\n\r\n", "0\r\nTransfer-Encoding: x\r\nHost: y\r\n\r\n",
    ]

    private static let proxyLines = [
        "PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\nGET / HTTP/1.1\r\n", "PROXY UNKNOWN\r\n",
        "PROXY TCP6 2001:db8::7 ::ffff:192.0.2.1 1 65535\r\n", "PROXY UNKNOWN ffff:f::1 1 2\r\n",
    ]

    /// Version 2: each family, with fields of a name, a unique id and nothing.
    private static let proxyHeaders: [[UInt8]] = {
        let start = Array("\r\n\r\n\0\r\nQUIT\n".utf8)
        let fields: [UInt8] = [2, 0, 1, 97, 5, 0, 2, 98, 99, 4, 0, 0]
        let families: [(UInt8, Int)] = [(0x11, 12), (0x21, 36), (0x31, 216), (0x00, 0)]
        var headers: [[UInt8]] = []
        for (family, length) in families {
            let rest = [UInt8](repeating: 7, count: length) + fields
            for command: UInt8 in [0x20, 0x21] {
                headers.append(start + [command, family, 0, UInt8(rest.count)] + rest)
            }
        }
        return headers
    }()

    /// What attacks are made of; a mutator puts these into an input.
    package static let dictionary = [
        "\r\n", "\n", "\r", "\0", " ", "\t", ":", ",", ";", "_", "\u{b}", "\r\n\r\n", "\r\n ", "chunked", "identity",
        "Content-Length: ", "Transfer-Encoding: ", "Transfer_Encoding: ", "Connection: ", "Host: ", "Upgrade: ",
        "Expect: 100-continue", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "0\r\n\r\n", "X-Forwarded-For: ", "Proxy: ",
        "http://", "%00", "%0d%0a", "?", "#", "*", "[::1]", ":443", "0x", "+", "-", "ffffffffffffffff",
        "9223372036854775807", "Content-Type: ", "Cookie: ", "close", "keep-alive", "upgrade", "GET ", "POST ", "HEAD ",
        "CONNECT ", "OPTIONS ",
    ]
}
