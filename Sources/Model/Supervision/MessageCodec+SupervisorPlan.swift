extension MessageCodec {
    package static func encode(_ plan: SupervisorPlan) -> [UInt8] {
        var writer = writer(.supervisorPlan)
        writer.list(plan.listeners) { $0.listener($1) }
        writer.list(plan.users) { $0.user($1) }
        writer.optional(plan.coreUser) { $0.text($1) }
        writer.flag(plan.allowsOwnUser)
        writer.optional(plan.coreProgram) { $0.text($1) }
        writer.list(plan.coreArguments) { $0.text($1) }
        writer.list(plan.coreEnvironment) { $0.text($1) }
        writer.text(plan.launchProgram)
        writer.blob(plan.coreBootPlan)
        writer.duration(plan.shutdownTimeout)
        writer.optional(plan.pidFile) { $0.text($1) }
        writer.text(plan.instanceDirectory)
        writer.optional(plan.reportDescriptor) { $0.integer($1) }
        writer.list(plan.readableFiles) { $0.text($1) }
        writer.flag(plan.logFormat == .json)
        writer.optional(plan.appsWatcher) { writer, watcher in
            writer.list(watcher.arguments) { $0.text($1) }
            writer.blob(watcher.input)
        }
        writer.optional(plan.reloader) { writer, reloader in
            writer.list(reloader.arguments) { $0.text($1) }
            writer.blob(reloader.input)
        }
        writer.text(plan.programPath)
        return writer.bytes
    }

    package static func decodeSupervisorPlan(_ bytes: [UInt8]) throws(CodecError) -> SupervisorPlan {
        try decode(bytes, .supervisorPlan) { reader throws(CodecError) in
            var plan = SupervisorPlan()
            plan.listeners = try reader.list { reader throws(CodecError) in try reader.listener() }
            plan.users = try reader.list { reader throws(CodecError) in try reader.user() }
            plan.coreUser = try reader.optional { reader throws(CodecError) in try reader.text() }
            plan.allowsOwnUser = try reader.flag()
            plan.coreProgram = try reader.optional { reader throws(CodecError) in try reader.text() }
            plan.coreArguments = try reader.list { reader throws(CodecError) in try reader.text() }
            plan.coreEnvironment = try reader.list { reader throws(CodecError) in try reader.text() }
            plan.launchProgram = try reader.text()
            plan.coreBootPlan = try reader.blob()
            plan.shutdownTimeout = try reader.duration()
            plan.pidFile = try reader.optional { reader throws(CodecError) in try reader.text() }
            plan.instanceDirectory = try reader.text()
            plan.reportDescriptor = try reader.optional { reader throws(CodecError) in try reader.integer() }
            plan.readableFiles = try reader.list { reader throws(CodecError) in try reader.text() }
            plan.logFormat = try reader.flag() ? .json : .text
            plan.appsWatcher = try reader.optional { reader throws(CodecError) in
                AppsWatcherPlan(
                    arguments: try reader.list { reader throws(CodecError) in try reader.text() },
                    input: try reader.blob())
            }
            plan.reloader = try reader.optional { reader throws(CodecError) in
                ReloaderPlan(
                    arguments: try reader.list { reader throws(CodecError) in try reader.text() },
                    input: try reader.blob())
            }
            plan.programPath = try reader.text()
            return plan
        }
    }

    package static func encode(_ report: StartReport) -> [UInt8] {
        var writer = writer(.startReport)
        switch report {
        case .ready(let summary):
            writer.integer(UInt8(1))
            writer.text(summary)
        case .failed(let reason, let exitCode):
            writer.integer(UInt8(2))
            writer.text(reason)
            writer.integer(exitCode)
        }
        return writer.bytes
    }

    package static func decodeStartReport(_ bytes: [UInt8]) throws(CodecError) -> StartReport {
        try decode(bytes, .startReport) { reader throws(CodecError) in
            switch try reader.integer(UInt8.self) {
            case 1: return .ready(summary: try reader.text())
            case 2: return .failed(reason: try reader.text(), exitCode: try reader.integer())
            case let kind: throw .unknownKind(kind)
            }
        }
    }
}

extension ByteWriter {
    fileprivate mutating func listener(_ plan: ListenerPlan) {
        text(plan.name)
        switch plan.address {
        case .tcp(let host, let port):
            integer(UInt8(1))
            text(host)
            integer(Int64(port))
        case .unix(let path):
            integer(UInt8(2))
            text(path)
        }
        integer(Int64(plan.backlog))
        integer(Int64(plan.count))
        integer(plan.mode)
        optional(plan.owner) { $0.text($1) }
    }

    mutating func user(_ user: PolicyUser) {
        text(user.name)
        integer(user.uid)
        integer(user.gid)
        list(user.groups) { $0.integer($1) }
    }
}

extension ByteReader {
    fileprivate mutating func listener() throws(CodecError) -> ListenerPlan {
        let name = try text()
        let address: ListenAddress
        switch try integer(UInt8.self) {
        case 1: address = .tcp(host: try text(), port: try count())
        case 2: address = .unix(path: try text())
        default: throw .invalidValue
        }
        return ListenerPlan(
            name: name, address: address, backlog: try count(), count: try count(), mode: try integer(),
            owner: try optional { reader throws(CodecError) in try reader.text() })
    }

    mutating func user() throws(CodecError) -> PolicyUser {
        PolicyUser(
            name: try text(), uid: try integer(), gid: try integer(),
            groups: try list { reader throws(CodecError) in try reader.integer() })
    }
}
