/// What apps are told about where a request came from: X-Forwarded-For, -Proto, -Host and -Port, Forwarded (RFC 7239),
/// X-Request-ID and X-Request-Start. One value for each client connection; what is the same for all its requests is encoded
/// once, for both worker protocols.
///
/// From a peer that is not trusted, everything a client says about this is replaced. From a trusted one it is kept, and the
/// peer is appended to X-Forwarded-For and Forwarded. A field that a trusted peer left out is added only where it cannot
/// contradict what the peer did say: Rack, for one, believes Forwarded over X-Forwarded-*. For the same reason what is
/// appended to Forwarded names no scheme: the last one named would win.
///
/// X-Forwarded-Port is the port that the client used, as its Host says, and not the listener's: behind a mapped port (a
/// container's) the latter would lead redirects to where nobody listens.
package struct ForwardedFields: Sendable {
    /// The request's forwarding fields are always dropped by the writers of heads: what is kept of them is written here,
    /// so that no `Connection: X-Forwarded-For` takes any away.
    package static let dropping = FieldSet.forwarding.union([.xRequestID, .xRequestStart])

    package let isTrusted: Bool
    /// Nil for a Unix socket.
    package let peer: IPAddress?
    /// The connection itself is TLS.
    package let isSecure: Bool
    let serverPort: Int
    /// X-Forwarded-For and -Proto, and Forwarded without its end: first as session pairs, from `split` on as HTTP fields.
    let prebuilt: ContiguousArray<UInt8>
    let split: Int
    /// The peer as text, then from `nodeStart` on the element for Forwarded. Both empty for a Unix socket.
    let node: ContiguousArray<UInt8>
    let nodeStart: Int

    /// `peer` is the address that the connection comes from, or that its PROXY header says; nil for a Unix socket.
    package init(peer: IPAddress?, serverPort: Int, isSecure: Bool, isTrusted: Bool) {
        self.peer = peer
        self.serverPort = serverPort
        self.isSecure = isSecure
        self.isTrusted = isTrusted
        // A peer on a Unix socket is on this machine.
        let address = (peer ?? IPAddress(v4: 0x7f00_0001))
        let text = address.description
        let scheme = isSecure ? "https" : "http"
        let element = "for=\(address.forwardedNode)"
        let session =
            "HTTP_X_FORWARDED_FOR\0\(text)\0HTTP_X_FORWARDED_PROTO\0\(scheme)\0HTTP_FORWARDED\0\(element);proto=\(scheme)"
        let http =
            "X-Forwarded-For: \(text)\r\nX-Forwarded-Proto: \(scheme)\r\nForwarded: \(element);proto=\(scheme)"
        var bytes = ContiguousArray<UInt8>()
        bytes.reserveCapacity(session.utf8.count + http.utf8.count)
        bytes.append(contentsOf: session.utf8)
        split = bytes.count
        bytes.append(contentsOf: http.utf8)
        prebuilt = bytes
        node = peer == nil || !isTrusted ? [] : ContiguousArray((text + element).utf8)
        nodeStart = node.isEmpty ? 0 : text.utf8.count
    }

    /// For `SessionHead.encodedSize` and `ForwardHead.encodedSize`: at least what `write` writes. The fields that are kept are
    /// counted there already, as part of the request's head.
    package func extraSize(_ head: RequestHead) -> Int {
        prebuilt.count + node.count + 2 * head.host.count + 256 + (isTrusted ? 48 + node.count : 0)
    }

    /// What is known about one request's way here.
    package func origin(
        _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, trusted: AddressRanges, id: RequestID, arrived: UnixTime
    ) -> RequestOrigin {
        var origin = RequestOrigin(client: peer, isSecure: isSecure, id: id, arrived: arrived)
        guard isTrusted else { return origin }
        origin.hasClaims = head.known.bits & FieldSet.forwarding.bits != 0
        if origin.hasClaims {
            let claims = ForwardedClaims(head, bytes, trusted: trusted)
            origin.client = claims.client ?? peer
            origin.isSecure = claims.isSecure ?? isSecure
        }
        if let sent = ForwardedFields.only(.xRequestID, head), RequestID.isAcceptable(sent.of(bytes)) {
            origin.keptID = sent
        }
        return origin
    }

    /// The value of a field that is there exactly once.
    private static func only(_ name: FieldName, _ head: RequestHead) -> ByteRange? {
        guard head.known.contains(name) else { return nil }
        var found: ByteRange?
        for field in head.fields where field.id == name {
            guard found == nil else { return nil }
            found = field.value
        }
        return found
    }
}

/// Where a request came from, as far as it is believed.
package struct RequestOrigin: Equatable, Sendable {
    /// For the access log and limits; nil is a client on a Unix socket of which nothing is known.
    package var client: IPAddress?
    /// The client's own connection was https: decides HTTPS and rack.url_scheme.
    package var isSecure: Bool
    /// The id that a trusted peer gave the request: a range of the request's head.
    package var keptID: ByteRange?
    /// Otherwise this one.
    package var id: RequestID
    package var arrived: UnixTime
    /// A trusted peer said something about it.
    var hasClaims = false
}

/// Wall-clock time in milliseconds since 1970.
package struct UnixTime: Equatable, Sendable {
    package var milliseconds: Int64
    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// `1732555555.123`, the seconds that nginx' `$msec` gives.
    func write(to writer: inout ByteWriter) {
        let milliseconds = max(0, milliseconds)
        writer.write(decimal: Int(milliseconds / 1000))
        writer.write(byte: UInt8(ascii: "."))
        writer.write(count: 3) { place in
            var rest = milliseconds % 1000
            for at in [2, 1, 0] {
                place.storeBytes(of: UInt8(ascii: "0") + UInt8(rest % 10), toByteOffset: at, as: UInt8.self)
                rest /= 10
            }
        }
    }
}
