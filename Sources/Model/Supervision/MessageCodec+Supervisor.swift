extension MessageCodec {
    private enum Kind: UInt8 {
        case welcome = 1, listener, child, begin, spawned, spawnRefused, exited, shutdown, reload, reopenLogs,
            fileOpened, apps, meterStarted, controlGroups, reloadRefused, ping, prepare, retire, upgraded,
            upgradeRefused,
            loads, stay
    }

    package static func encode(_ message: SupervisorMessage) -> [UInt8] {
        var writer = writer(.supervisor)
        switch message {
        case .welcome(let version, let pid, let coreNumber):
            writer.integer(Kind.welcome.rawValue)
            writer.integer(version)
            writer.integer(pid)
            writer.integer(coreNumber)
        case .listener(let name, let index):
            writer.integer(Kind.listener.rawValue)
            writer.text(name)
            writer.integer(index)
        case .controlGroups(let path, let note):
            writer.integer(Kind.controlGroups.rawValue)
            writer.optional(path) { $0.text($1) }
            writer.text(note)
        case .child(let entry):
            writer.integer(Kind.child.rawValue)
            writer.entry(entry)
        case .begin:
            writer.integer(Kind.begin.rawValue)
        case .spawned(let entry):
            writer.integer(Kind.spawned.rawValue)
            writer.entry(entry)
        case .spawnRefused(let tag, let reason):
            writer.integer(Kind.spawnRefused.rawValue)
            writer.integer(tag.rawValue)
            writer.text(reason)
        case .exited(let tag, let pid, let reason, let failure):
            writer.integer(Kind.exited.rawValue)
            writer.integer(tag.rawValue)
            writer.integer(pid)
            writer.exitReason(reason)
            writer.optional(failure) { $0.launchFailure($1) }
        case .shutdown(let hurry):
            writer.integer(Kind.shutdown.rawValue)
            writer.flag(hurry)
        case .reload(let ticket):
            writer.integer(Kind.reload.rawValue)
            writer.integer(ticket)
        case .reloadRefused(let ticket, let reason):
            writer.integer(Kind.reloadRefused.rawValue)
            writer.integer(ticket)
            writer.text(reason)
        case .reopenLogs:
            writer.integer(Kind.reopenLogs.rawValue)
        case .fileOpened(let path, let errno):
            writer.integer(Kind.fileOpened.rawValue)
            writer.text(path)
            writer.integer(errno)
        case .apps(let message):
            writer.integer(Kind.apps.rawValue)
            writer.appsMessage(message)
        case .meterStarted(let errno):
            writer.integer(Kind.meterStarted.rawValue)
            writer.integer(errno)
        case .ping:
            writer.integer(Kind.ping.rawValue)
        case .prepare:
            writer.integer(Kind.prepare.rawValue)
        case .retire:
            writer.integer(Kind.retire.rawValue)
        case .upgraded(let ticket, let version):
            writer.integer(Kind.upgraded.rawValue)
            writer.integer(ticket)
            writer.text(version)
        case .upgradeRefused(let ticket, let reason):
            writer.integer(Kind.upgradeRefused.rawValue)
            writer.integer(ticket)
            writer.text(reason)
        case .loads(let loads):
            writer.integer(Kind.loads.rawValue)
            writer.loads(loads)
        case .stay:
            writer.integer(Kind.stay.rawValue)
        }
        return writer.bytes
    }

    package static func decodeSupervisor(_ bytes: [UInt8]) throws(CodecError) -> SupervisorMessage {
        try decode(bytes, .supervisor) { reader throws(CodecError) in
            let number: UInt8 = try reader.integer()
            guard let kind = Kind(rawValue: number) else { throw .unknownKind(number) }
            switch kind {
            case .welcome:
                return .welcome(
                    version: try reader.integer(), supervisorPid: try reader.integer(),
                    coreNumber: try reader.integer())
            case .listener: return .listener(name: try reader.text(), index: try reader.integer())
            case .controlGroups:
                return .controlGroups(
                    path: try reader.optional { reader throws(CodecError) in try reader.text() },
                    note: try reader.text())
            case .child: return .child(try reader.entry())
            case .begin: return .begin
            case .spawned: return .spawned(try reader.entry())
            case .spawnRefused: return .spawnRefused(tag: ChildTag(try reader.integer()), reason: try reader.text())
            case .exited:
                return .exited(
                    tag: ChildTag(try reader.integer()), pid: try reader.integer(), reason: try reader.exitReason(),
                    launchFailure: try reader.optional { reader throws(CodecError) in try reader.launchFailure() })
            case .shutdown: return .shutdown(hurry: try reader.flag())
            case .reload: return .reload(ticket: try reader.integer())
            case .reloadRefused: return .reloadRefused(ticket: try reader.integer(), reason: try reader.text())
            case .reopenLogs: return .reopenLogs
            case .fileOpened: return .fileOpened(path: try reader.text(), errno: try reader.integer())
            case .apps: return .apps(try reader.appsMessage())
            case .ping: return .ping
            case .prepare: return .prepare
            case .retire: return .retire
            case .upgraded: return .upgraded(ticket: try reader.integer(), version: try reader.text())
            case .upgradeRefused: return .upgradeRefused(ticket: try reader.integer(), reason: try reader.text())
            case .loads: return .loads(try reader.loads())
            case .stay: return .stay
            case .meterStarted: return .meterStarted(errno: try reader.integer())
            }
        }
    }
}

extension ByteWriter {
    mutating func entry(_ entry: ChildEntry) {
        integer(entry.tag.rawValue)
        integer(entry.role.rawValue)
        integer(entry.pid)
        integer(entry.startTime)
        text(entry.title)
    }

    fileprivate mutating func exitReason(_ reason: ExitReason) {
        switch reason {
        case .exited(let code):
            integer(UInt8(1))
            integer(code)
        case .signalled(let signal, let dumpedCore):
            integer(UInt8(2))
            integer(signal)
            flag(dumpedCore)
        }
    }
}

extension ByteReader {
    mutating func entry() throws(CodecError) -> ChildEntry {
        ChildEntry(
            tag: ChildTag(try integer()), role: try role(), pid: try integer(), startTime: try integer(),
            title: try text())
    }

    fileprivate mutating func exitReason() throws(CodecError) -> ExitReason {
        switch try integer(UInt8.self) {
        case 1: .exited(try integer())
        case 2: .signalled(try integer(), dumpedCore: try flag())
        default: throw .invalidValue
        }
    }
}
