import HTTP1
import Linux

/// Who a connection comes from and what is told to apps about it; made once for a connection.
struct PeerFacts {
    let facts: ConnectionFacts
    /// Its own words about where requests come from are believed (`trusted_proxies`, and peers on Unix sockets).
    let isTrusted: Bool
    private let address: ContiguousArray<UInt8>

    /// Client fields that are not passed on because ours take their place.
    var dropping: FieldSet { isTrusted ? [.xForwardedFor] : .forwarding }
    /// Room for the fields that `writeFields` adds.
    var extraSize: Int { address.count + 96 }

    /// Nil is a peer on a Unix socket.
    init(
        peer: (address: String, port: Int)?, local: (address: String, port: Int)?, trusted: TrustedProxies,
        isSecure: Bool = false
    ) {
        guard let peer else {
            address = ContiguousArray("127.0.0.1".utf8)
            isTrusted = true
            facts = ConnectionFacts(
                remoteAddress: "127.0.0.1", remotePort: 0, serverName: "localhost",
                serverPort: isSecure ? 443 : 80, isSecure: isSecure)
            return
        }
        address = ContiguousArray(peer.address.utf8)
        isTrusted = trusted.contains(peer.address)
        facts = ConnectionFacts(
            remoteAddress: peer.address, remotePort: peer.port, serverName: local?.address ?? "localhost",
            serverPort: local?.port ?? 0, isSecure: isSecure)
    }

    func writeFields<Writer: RequestHeadWriter>(
        _ writer: Writer.Type, _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, to out: inout ByteWriter
    ) {
        address.withUnsafeBytes { address in
            if isTrusted, head.known.contains(.xForwardedFor) {
                Writer.field(.xForwardedFor, appending: address, head, bytes, to: &out)
            } else {
                Writer.field("X-Forwarded-For", address, to: &out)
            }
        }
        if !isTrusted || !head.known.contains(.xForwardedProto) {
            Writer.field("X-Forwarded-Proto", facts.isSecure ? PeerFacts.https : PeerFacts.http, to: &out)
        }
    }

    private static var https: UnsafeRawBufferPointer {
        let text: StaticString = "https"
        return UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }

    private static var http: UnsafeRawBufferPointer {
        let text: StaticString = "http"
        return UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }
}

/// What both worker protocols' head writers offer.
protocol RequestHeadWriter {
    static func field(_ name: StaticString, _ value: UnsafeRawBufferPointer, to writer: inout ByteWriter)
    static func field(
        _ name: FieldName, appending value: UnsafeRawBufferPointer, _ head: RequestHead,
        _ bytes: UnsafeRawBufferPointer,
        to writer: inout ByteWriter)
}

extension SessionHead: RequestHeadWriter {}
extension ForwardHead: RequestHeadWriter {}

/// Address ranges in CIDR form.
package struct TrustedProxies: Sendable {
    private struct Range {
        var bytes: [UInt8]
        var prefix: Int
    }
    private let ranges: [Range]

    /// Entries that are neither an address nor a range are left out; `AppConfig` refuses them beforehand.
    package init(_ entries: [String]) {
        ranges = entries.compactMap { entry in
            let parts = entry.split(separator: "/", maxSplits: 1)
            guard let first = parts.first, let bytes = addressBytes(String(first)) else { return nil }
            let prefix = parts.count == 2 ? Int(parts[1]) : bytes.count * 8
            guard let prefix, (0...bytes.count * 8).contains(prefix) else { return nil }
            return Range(bytes: bytes, prefix: prefix)
        }
    }

    func contains(_ address: String) -> Bool {
        guard !ranges.isEmpty, let bytes = addressBytes(address) else { return false }
        return ranges.contains { range in
            guard range.bytes.count == bytes.count else { return false }
            return (0..<range.prefix).allSatisfy { bit in
                (range.bytes[bit / 8] ^ bytes[bit / 8]) & (0x80 >> UInt8(bit % 8)) == 0
            }
        }
    }
}
