extension MessageCodec {
    private enum Kind: UInt8 {
        case hello = 1, spawn, signal, ready, status, failed, done, openFile, startMeter, serves, fork,
            requestReload, reloadAnswer, pong, requestUpgrade, prepared, handedOver, loads
    }

    package static func encode(_ message: CoreMessage) -> [UInt8] {
        var writer = writer(.core)
        switch message {
        case .hello(let version):
            writer.integer(Kind.hello.rawValue)
            writer.integer(version)
        case .spawn(let request):
            writer.integer(Kind.spawn.rawValue)
            writer.spawnRequest(request)
        case .fork(let request):
            writer.integer(Kind.fork.rawValue)
            writer.integer(request.tag.rawValue)
            writer.integer(request.preloader.rawValue)
            writer.text(request.title)
        case .signal(let tag, let signal, let scope):
            writer.integer(Kind.signal.rawValue)
            writer.integer(tag.rawValue)
            writer.integer(signal)
            writer.integer(scope.rawValue)
        case .ready(let summary):
            writer.integer(Kind.ready.rawValue)
            writer.text(summary)
        case .status(let line):
            writer.integer(Kind.status.rawValue)
            writer.text(line)
        case .failed(let reason, let exitCode):
            writer.integer(Kind.failed.rawValue)
            writer.text(reason)
            writer.integer(exitCode)
        case .done:
            writer.integer(Kind.done.rawValue)
        case .openFile(let path):
            writer.integer(Kind.openFile.rawValue)
            writer.text(path)
        case .startMeter:
            writer.integer(Kind.startMeter.rawValue)
        case .pong:
            writer.integer(Kind.pong.rawValue)
        case .serves(let tag):
            writer.integer(Kind.serves.rawValue)
            writer.integer(tag.rawValue)
        case .requestReload(let ticket):
            writer.integer(Kind.requestReload.rawValue)
            writer.integer(ticket)
        case .reloadAnswer(let refusal):
            writer.integer(Kind.reloadAnswer.rawValue)
            writer.optional(refusal) { $0.text($1) }
        case .requestUpgrade(let ticket):
            writer.integer(Kind.requestUpgrade.rawValue)
            writer.integer(ticket)
        case .prepared(let version):
            writer.integer(Kind.prepared.rawValue)
            writer.text(version)
        case .handedOver(let children, let refusal):
            writer.integer(Kind.handedOver.rawValue)
            writer.list(children) { $0.integer($1.rawValue) }
            writer.optional(refusal) { $0.text($1) }
        case .loads(let loads):
            writer.integer(Kind.loads.rawValue)
            writer.loads(loads)
        }
        return writer.bytes
    }

    package static func decodeCore(_ bytes: [UInt8]) throws(CodecError) -> CoreMessage {
        try decode(bytes, .core) { reader throws(CodecError) in
            let number: UInt8 = try reader.integer()
            guard let kind = Kind(rawValue: number) else { throw .unknownKind(number) }
            switch kind {
            case .hello: return .hello(version: try reader.integer())
            case .spawn: return .spawn(try reader.spawnRequest())
            case .fork:
                return .fork(
                    ForkRequest(
                        tag: ChildTag(try reader.integer()), preloader: ChildTag(try reader.integer()),
                        title: try reader.text()))
            case .signal:
                let tag = ChildTag(try reader.integer())
                let signal: Int32 = try reader.integer()
                guard let scope = SignalScope(rawValue: try reader.integer()) else { throw .invalidValue }
                return .signal(tag: tag, signal: signal, scope: scope)
            case .ready: return .ready(summary: try reader.text())
            case .status: return .status(try reader.text())
            case .failed: return .failed(reason: try reader.text(), exitCode: try reader.integer())
            case .done: return .done
            case .openFile: return .openFile(path: try reader.text())
            case .startMeter: return .startMeter
            case .serves: return .serves(tag: ChildTag(try reader.integer()))
            case .pong: return .pong
            case .requestReload: return .requestReload(ticket: try reader.integer())
            case .reloadAnswer:
                return .reloadAnswer(
                    refusal: try reader.optional { reader throws(CodecError) in try reader.text() })
            case .requestUpgrade: return .requestUpgrade(ticket: try reader.integer())
            case .prepared: return .prepared(version: try reader.text())
            case .handedOver:
                return .handedOver(
                    try reader.list { reader throws(CodecError) in ChildTag(try reader.integer()) },
                    refusal: try reader.optional { reader throws(CodecError) in try reader.text() })
            case .loads: return .loads(try reader.loads())
            }
        }
    }
}

extension ByteWriter {
    mutating func loads(_ loads: [WorkerLoad]) {
        list(loads) { writer, load in
            writer.integer(load.tag.rawValue)
            writer.integer(load.requests)
            writer.integer(load.streams)
        }
    }

    fileprivate mutating func spawnRequest(_ request: SpawnRequest) {
        integer(request.tag.rawValue)
        integer(request.role.rawValue)
        optional(request.user) { $0.text($1) }
        list(request.targets) { $0.integer($1) }
        flag(request.outputPipes)
        text(request.title)
        optional(request.group) { $0.text($1) }
    }
}

extension ByteReader {
    mutating func loads() throws(CodecError) -> [WorkerLoad] {
        try list { reader throws(CodecError) in
            WorkerLoad(
                tag: ChildTag(try reader.integer()), requests: try reader.integer(), streams: try reader.integer())
        }
    }

    fileprivate mutating func spawnRequest() throws(CodecError) -> SpawnRequest {
        SpawnRequest(
            tag: ChildTag(try integer()),
            role: try role(),
            user: try optional { reader throws(CodecError) in try reader.text() },
            targets: try list { reader throws(CodecError) in try reader.integer(Int32.self) },
            outputPipes: try flag(),
            title: try text(),
            group: try optional { reader throws(CodecError) in try reader.text() })
    }

    mutating func role() throws(CodecError) -> ChildRole {
        guard let role = ChildRole(rawValue: try integer()) else { throw .invalidValue }
        return role
    }
}
