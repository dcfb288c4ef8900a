/// `passenger-launch` (plan.c) reads the plan and writes the failure by the same layout: change both together.
extension MessageCodec {
    package static func encode(_ plan: LaunchPlan) -> [UInt8] {
        var writer = writer(.launchPlan)
        writer.list(plan.arguments) { $0.text($1) }
        writer.list(plan.environment) { $0.text($1) }
        writer.text(plan.directory)
        writer.integer(plan.umask)
        writer.list(plan.limits) { writer, limit in
            writer.integer(limit.resource)
            writer.integer(limit.soft)
            writer.integer(limit.hard)
        }
        writer.integer(plan.oomScore)
        writer.optional(plan.programDescriptor) { $0.integer($1) }
        writer.flag(plan.setsListenPid)
        writer.integer(plan.niceness)
        writer.flag(plan.forbidsNewPrivileges)
        return writer.bytes
    }

    package static func decodeLaunchPlan(_ bytes: [UInt8]) throws(CodecError) -> LaunchPlan {
        try decode(bytes, .launchPlan) { reader throws(CodecError) in
            var plan = LaunchPlan(
                arguments: try reader.list { reader throws(CodecError) in try reader.text() },
                environment: try reader.list { reader throws(CodecError) in try reader.text() },
                directory: try reader.text())
            plan.umask = try reader.integer()
            plan.limits = try reader.list { reader throws(CodecError) in
                ResourceLimit(resource: try reader.integer(), soft: try reader.integer(), hard: try reader.integer())
            }
            plan.oomScore = try reader.integer()
            plan.programDescriptor = try reader.optional { reader throws(CodecError) in try reader.integer() }
            plan.setsListenPid = try reader.flag()
            plan.niceness = try reader.integer()
            plan.forbidsNewPrivileges = try reader.flag()
            return plan
        }
    }

    package static func encode(_ failure: LaunchFailure) -> [UInt8] {
        var writer = writer(.launchFailure)
        writer.launchFailure(failure)
        return writer.bytes
    }

    package static func decodeLaunchFailure(_ bytes: [UInt8]) throws(CodecError) -> LaunchFailure {
        try decode(bytes, .launchFailure) { reader throws(CodecError) in try reader.launchFailure() }
    }
}

extension ByteWriter {
    mutating func launchFailure(_ failure: LaunchFailure) {
        text(failure.step)
        integer(failure.errno)
        text(failure.subject)
    }
}

extension ByteReader {
    mutating func launchFailure() throws(CodecError) -> LaunchFailure {
        LaunchFailure(step: try text(), errno: try integer(), subject: try text())
    }
}
