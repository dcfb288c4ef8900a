/// The bytes of everything that crosses between cores, supervisor and `passenger-launch`: a family letter, the protocol
/// version, then the fields in the order of their declaration, integers big-endian, text and lists with a 32-bit length.
///
/// Decoding never traps, whatever it is given; the supervisor reads what an unprivileged process sent.
/// `passenger-launch` has its own reader of `LaunchPlan` and its own writer of `LaunchFailure`, in C.
package enum MessageCodec {
    enum Family: UInt8 {
        case core = 0x43  // C
        case supervisor = 0x53  // S
        case supervisorPlan = 0x50  // P
        case launchPlan = 0x4C  // L
        case launchFailure = 0x46  // F
        case startReport = 0x52  // R
        case apps = 0x41  // A
        case compiledPlan = 0x4E  // N
        case supervisorState = 0x54  // T
        case client = 0x48  // H
    }

    static func writer(_ family: Family) -> ByteWriter {
        var writer = ByteWriter()
        writer.integer(family.rawValue)
        writer.integer(SupervisionProtocol.version)
        return writer
    }

    /// Reads the head, hands over the fields, and insists that nothing follows them.
    static func decode<Message>(
        _ bytes: [UInt8], _ family: Family, _ read: (inout ByteReader) throws(CodecError) -> Message
    ) throws(CodecError) -> Message {
        var reader = ByteReader(bytes)
        guard try reader.integer(UInt8.self) == family.rawValue else { throw .wrongFamily }
        let version: UInt16 = try reader.integer()
        guard version == SupervisionProtocol.version else { throw .unsupportedVersion(version) }
        let message = try read(&reader)
        try reader.end()
        return message
    }
}

/// Why bytes are no message.
package enum CodecError: Error, Sendable, Equatable, CustomStringConvertible {
    case truncated
    case trailingBytes
    case invalidText
    case invalidValue
    case unknownKind(UInt8)
    case wrongFamily
    case unsupportedVersion(UInt16)

    package var description: String {
        switch self {
        case .truncated: "message ends too early"
        case .trailingBytes: "message has bytes after its end"
        case .invalidText: "text is not UTF-8"
        case .invalidValue: "a field has a value out of its range"
        case .unknownKind(let kind): "unknown message kind \(kind)"
        case .wrongFamily: "message of another kind than expected"
        case .unsupportedVersion(let version): "protocol version \(version) is not spoken here"
        }
    }
}
