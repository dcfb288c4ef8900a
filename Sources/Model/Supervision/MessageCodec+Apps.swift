extension MessageCodec {
    package static func encode(_ message: AppsMessage) -> [UInt8] {
        var writer = writer(.apps)
        writer.appsMessage(message)
        return writer.bytes
    }

    package static func decodeApps(_ bytes: [UInt8]) throws(CodecError) -> AppsMessage {
        try decode(bytes, .apps) { reader throws(CodecError) in try reader.appsMessage() }
    }
}

private enum Kind: UInt8 { case present = 1, gone, unreachable, reachable, refused, listed }

extension ByteWriter {
    mutating func appsMessage(_ message: AppsMessage) {
        switch message {
        case .present(let entry):
            integer(Kind.present.rawValue)
            text(entry.name)
            text(entry.path)
            flag(entry.isDeployRoot)
            integer(entry.owner)
            optional(entry.user) { $0.user($1) }
            optional(entry.objection) { $0.text($1) }
            optional(entry.stateDirectory) { $0.text($1) }
        case .gone(let name):
            integer(Kind.gone.rawValue)
            text(name)
        case .unreachable(let name, let reason):
            integer(Kind.unreachable.rawValue)
            optional(name) { $0.text($1) }
            text(reason)
        case .reachable(let name):
            integer(Kind.reachable.rawValue)
            optional(name) { $0.text($1) }
        case .refused(let name, let reason):
            integer(Kind.refused.rawValue)
            text(name)
            text(reason)
        case .listed: integer(Kind.listed.rawValue)
        }
    }
}

extension ByteReader {
    mutating func appsMessage() throws(CodecError) -> AppsMessage {
        let number: UInt8 = try integer()
        guard let kind = Kind(rawValue: number) else { throw .unknownKind(number) }
        switch kind {
        case .present:
            return .present(
                AppEntry(
                    name: try text(), path: try text(), isDeployRoot: try flag(), owner: try integer(),
                    user: try optional { reader throws(CodecError) in try reader.user() },
                    objection: try optional { reader throws(CodecError) in try reader.text() },
                    stateDirectory: try optional { reader throws(CodecError) in try reader.text() }))
        case .gone: return .gone(name: try text())
        case .unreachable:
            let name = try optional { reader throws(CodecError) in try reader.text() }
            return .unreachable(name: name, reason: try text())
        case .reachable:
            return .reachable(name: try optional { reader throws(CodecError) in try reader.text() })
        case .refused: return .refused(name: try text(), reason: try text())
        case .listed: return .listed
        }
    }
}
