extension MessageCodec {
    /// For a reader of that version.
    package static func encode(
        _ state: SupervisorState, version: UInt16 = SupervisorState.versions.upperBound
    ) throws(CodecError) -> [UInt8] {
        guard SupervisorState.versions.contains(version) else { throw .unsupportedVersion(version) }
        var writer = ByteWriter()
        writer.integer(Family.supervisorState.rawValue)
        writer.integer(version)
        writer.state(state)
        return writer.bytes
    }

    package static func decodeSupervisorState(_ bytes: [UInt8]) throws(CodecError) -> SupervisorState {
        var reader = ByteReader(bytes)
        guard try reader.integer(UInt8.self) == Family.supervisorState.rawValue else { throw .wrongFamily }
        let version: UInt16 = try reader.integer()
        guard SupervisorState.versions.contains(version) else { throw .unsupportedVersion(version) }
        let state = try reader.state()
        try reader.end()
        // One owner each, and none of the standard ones; no signal to everybody.
        let descriptors = state.descriptors
        guard Set(descriptors).count == descriptors.count, descriptors.allSatisfy({ $0 > 2 }),
            state.pids.allSatisfy({ $0 > 1 })
        else { throw .invalidValue }
        return state
    }
}

extension ByteWriter {
    fileprivate mutating func state(_ state: SupervisorState) {
        blob(MessageCodec.encode(state.plan))
        core(state.core)
        optional(state.retiring) { $0.core($1) }
        integer(state.restarts.lastNumber)
        integer(state.restarts.failures)
        integer(state.lastTicket)
        list(state.rows) { $0.row($1) }
        list(state.children) { $0.child($1) }
        list(state.listeners) { $0.socket($1) }
        integer(state.ownerPipe.reader)
        integer(state.ownerPipe.writer)
        optional(state.groupGuard) { writer, groupGuard in
            writer.integer(groupGuard.pid)
            writer.integer(groupGuard.pipe)
        }
        optional(state.meterPid) { $0.integer($1) }
        list(state.apps) { $0.appsMessage($1) }
        names(state.store.stored)
        names(state.store.told)
        optional(state.controlGroups) { writer, groups in
            writer.text(groups.path)
            writer.names(groups.ending)
        }
        text(state.controlGroupNote)
    }

    private mutating func core(_ core: SupervisorState.Core) {
        integer(core.number)
        integer(core.pid)
        integer(core.startedAt.nanoseconds)
        integer(core.socket)
    }

    private mutating func row(_ row: SupervisorState.Row) {
        entry(row.entry)
        integer(row.coreNumber)
        optional(row.formerCore) { $0.integer($1) }
        optional(row.controlGroup) { $0.text($1) }
        flag(row.isOrphan)
        optional(row.killAt) { $0.integer($1.nanoseconds) }
        optional(row.drainAt) { $0.integer($1.nanoseconds) }
        flag(row.isDrained)
    }

    private mutating func child(_ child: SupervisorState.Child) {
        integer(child.pid)
        integer(child.process)
        optional(child.output) { writer, output in
            writer.integer(output.standardOutput)
            writer.integer(output.standardError)
        }
        optional(child.report) { $0.integer($1) }
        optional(child.forks) { writer, forks in
            writer.integer(forks.socket)
            writer.integer(forks.user)
        }
        optional(child.lost) { writer, lost in
            writer.integer(lost.lines)
            writer.integer(lost.bytes)
        }
    }

    private mutating func socket(_ listener: SupervisorState.Listener) {
        text(listener.name)
        integer(listener.index)
        integer(listener.descriptor)
        optional(listener.path) { $0.text($1) }
        integer(listener.origin.rawValue)
    }

    private mutating func names(_ names: Set<String>) { list(names.sorted()) { $0.text($1) } }
}

extension ByteReader {
    fileprivate mutating func state() throws(CodecError) -> SupervisorState {
        let plan = try MessageCodec.decodeSupervisorPlan(try blob())
        let core = try core()
        let retiring = try optional { reader throws(CodecError) in try reader.core() }
        var state = SupervisorState(
            plan: plan, core: core,
            restarts: SupervisorState.Restarts(lastNumber: try integer(), failures: try integer()),
            ownerPipe: SupervisorState.OwnerPipe(reader: -1, writer: -1))
        state.retiring = retiring
        state.lastTicket = try integer()
        state.rows = try list { reader throws(CodecError) in try reader.row() }
        state.children = try list { reader throws(CodecError) in try reader.child() }
        state.listeners = try list { reader throws(CodecError) in try reader.socket() }
        state.ownerPipe = SupervisorState.OwnerPipe(reader: try integer(), writer: try integer())
        state.groupGuard = try optional { reader throws(CodecError) in
            SupervisorState.Guard(pid: try reader.integer(), pipe: try reader.integer())
        }
        state.meterPid = try optional { reader throws(CodecError) in try reader.integer() }
        state.apps = try list { reader throws(CodecError) in try reader.appsMessage() }
        state.store.stored = try names()
        state.store.told = try names()
        state.controlGroups = try optional { reader throws(CodecError) in
            SupervisorState.ControlGroups(path: try reader.text(), ending: try reader.names())
        }
        state.controlGroupNote = try text()
        return state
    }

    private mutating func core() throws(CodecError) -> SupervisorState.Core {
        SupervisorState.Core(
            number: try integer(), pid: try integer(), startedAt: try instant(), socket: try integer())
    }

    private mutating func row() throws(CodecError) -> SupervisorState.Row {
        SupervisorState.Row(
            entry: try entry(), coreNumber: try integer(),
            formerCore: try optional { reader throws(CodecError) in try reader.integer() },
            controlGroup: try optional { reader throws(CodecError) in try reader.text() }, isOrphan: try flag(),
            killAt: try optional { reader throws(CodecError) in try reader.instant() },
            drainAt: try optional { reader throws(CodecError) in try reader.instant() }, isDrained: try flag())
    }

    private mutating func child() throws(CodecError) -> SupervisorState.Child {
        SupervisorState.Child(
            pid: try integer(), process: try integer(),
            output: try optional { reader throws(CodecError) in
                SupervisorState.Output(standardOutput: try reader.integer(), standardError: try reader.integer())
            },
            report: try optional { reader throws(CodecError) in try reader.integer() },
            forks: try optional { reader throws(CodecError) in
                SupervisorState.Forks(socket: try reader.integer(), user: try reader.integer())
            },
            lost: try optional { reader throws(CodecError) in
                SupervisorState.Lost(lines: try reader.integer(), bytes: try reader.integer())
            })
    }

    private mutating func socket() throws(CodecError) -> SupervisorState.Listener {
        let name = try text()
        let index: UInt32 = try integer()
        let descriptor: Int32 = try integer()
        let path = try optional { reader throws(CodecError) in try reader.text() }
        guard let origin = SupervisorState.Listener.Origin(rawValue: try integer()) else { throw .invalidValue }
        return SupervisorState.Listener(name: name, index: index, descriptor: descriptor, path: path, origin: origin)
    }

    private mutating func names() throws(CodecError) -> Set<String> {
        Set(try list { reader throws(CodecError) in try reader.text() })
    }

    private mutating func instant() throws(CodecError) -> Instant { Instant(nanoseconds: try integer()) }
}
