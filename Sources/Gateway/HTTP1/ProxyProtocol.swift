/// The PROXY protocol, versions 1 and 2 (proxy-protocol.txt of HAProxy, sections 2.1 and 2.2): what a load balancer sends
/// ahead of a connection's bytes to say whose they are.
///
/// Whoever can connect to a listener that takes it can claim any address, so such a listener takes nothing else: a
/// connection without the header is refused.
package enum ProxyProtocol {
    /// Longest header that is accepted; version 2 could announce 64 KiB.
    package static let limit = 4096

    /// `bytes` are all that arrived so far, from the connection's first byte on; how they were cut up never changes the
    /// answer. Nothing behind the header is looked at.
    package static func parse(_ bytes: UnsafeRawBufferPointer) -> ProxyResult {
        guard let first = bytes.first else { return .needMore }
        return first == ProxyBinary.signature.utf8Start[0] ? ProxyBinary.parse(bytes) : ProxyLine.parse(bytes)
    }

    /// Whether what there is of `bytes` is also the start of `text`.
    static func agrees(_ bytes: UnsafeRawBufferPointer, with text: StaticString) -> Bool {
        for at in 0..<min(bytes.count, text.utf8CodeUnitCount) where bytes[at] != text.utf8Start[at] { return false }
        return true
    }
}

package enum ProxyResult: Equatable, Sendable {
    case needMore
    case header(ProxyHeader)
    case rejected(ProxyRejection)
}

package struct ProxyHeader: Equatable, Sendable {
    /// The connection's own bytes start here.
    package var length: Int
    package var origin: ProxyOrigin
    /// Host name that the client asked the balancer for, usually its SNI (PP2_TYPE_AUTHORITY). Not checked; empty if none.
    package var authority = ByteRange.empty
    /// Opaque id of the connection, at most 128 bytes (PP2_TYPE_UNIQUE_ID); empty if none.
    package var uniqueID = ByteRange.empty

    package init(
        length: Int, origin: ProxyOrigin, authority: ByteRange = .empty, uniqueID: ByteRange = .empty
    ) {
        self.length = length
        self.origin = origin
        self.authority = authority
        self.uniqueID = uniqueID
    }
}

/// Whose connection it is.
package enum ProxyOrigin: Equatable, Sendable {
    case client(IPAddress, port: UInt16, destination: IPAddress, destinationPort: UInt16)
    /// The balancer's client came over a Unix socket: one of the balancer's machine, not of ours. The socket's addresses hold,
    /// but what follows is not the balancer's own.
    case unixClient
    /// The balancer's own connection, such as a health check: the socket's addresses hold.
    case local
    /// The balancer does not know, or not TCP: as for `unixClient`.
    case unknown
}

package enum ProxyRejection: UInt8, Error, CaseIterable, Sendable {
    case missing, tooLong, badLine, badAddress, badPort
    case badVersion, badCommand, badFamily, badLength, badField, badChecksum
}

extension ProxyRejection: CustomStringConvertible {
    /// For the log.
    package var description: String {
        switch self {
        case .missing: "the connection does not start with a PROXY protocol header"
        case .tooLong: "the PROXY protocol header is too long"
        case .badLine: "the PROXY protocol line is malformed (section 2.1)"
        case .badAddress: "the PROXY protocol line has a malformed address (section 2.1)"
        case .badPort: "the PROXY protocol line has a malformed port (section 2.1)"
        case .badVersion: "the PROXY protocol version is neither 1 nor 2"
        case .badCommand: "the PROXY protocol command is unknown (section 2.2)"
        case .badFamily: "the PROXY protocol address family or transport is unknown (section 2.2)"
        case .badLength: "the PROXY protocol header is shorter than its addresses (section 2.2)"
        case .badField: "a field of the PROXY protocol header is malformed (section 2.2)"
        case .badChecksum: "the PROXY protocol header does not match its checksum (section 2.2.3)"
        }
    }
}
