extension MessageCodec {
    package static func encode(_ compiled: CompiledPlan) -> [UInt8] {
        var writer = writer(.compiledPlan)
        switch compiled {
        case .plan(let plan):
            writer.integer(UInt8(1))
            writer.blob(encode(plan))
        case .refused(let reason):
            writer.integer(UInt8(2))
            writer.text(reason)
        }
        return writer.bytes
    }

    package static func decodeCompiledPlan(_ bytes: [UInt8]) throws(CodecError) -> CompiledPlan {
        try decode(bytes, .compiledPlan) { reader throws(CodecError) in
            switch try reader.integer(UInt8.self) {
            case 1: return .plan(try decodeSupervisorPlan(try reader.blob()))
            case 2: return .refused(reason: try reader.text())
            case let kind: throw .unknownKind(kind)
            }
        }
    }
}
