import Testing

@testable import Model

@Suite("Message codec")
struct MessageCodecTests {
    static let entry = ChildEntry(
        tag: ChildTag(.max), role: .preloader, pid: 4711, startTime: 1 << 60, title: "app blog worker w3 ü")

    static let coreMessages: [CoreMessage] = [
        .hello(version: 1),
        .spawn(
            SpawnRequest(
                tag: ChildTag(7), role: .worker, user: "nobody", targets: [3, 4, -1], outputPipes: true, title: "w")),
        .spawn(SpawnRequest(tag: ChildTag(8), role: .tool, user: nil, targets: [], outputPipes: false, title: "")),
        .fork(ForkRequest(tag: ChildTag(9), preloader: ChildTag(8), title: "app blog worker w4")),
        .signal(tag: ChildTag(1), signal: 15, scope: .group), .signal(tag: ChildTag(1), signal: -1, scope: .leader),
        .ready(summary: "listening on http://127.0.0.1:3000/"), .status("é\0x"),
        .failed(reason: "port taken", exitCode: -5), .done, .openFile(path: "/etc/ssl/blog.key"),
        .requestReload(ticket: .max), .reloadAnswer(refusal: nil), .reloadAnswer(refusal: "certificate"),
        .pong, .requestUpgrade(ticket: 5), .prepared(version: "1.2.3"),
        .handedOver([ChildTag(1), ChildTag(.max)], refusal: nil), .handedOver([], refusal: "a deploy runs"),
        .loads([WorkerLoad(tag: ChildTag(3), requests: .max, streams: 0)]), .loads([]),
    ]

    static let supervisorMessages: [SupervisorMessage] = [
        .welcome(version: 1, supervisorPid: 1, coreNumber: 2), .listener(name: "http:0", index: 3),
        .child(entry), .begin, .spawned(entry), .spawnRefused(tag: ChildTag(0), reason: "no such user"),
        .exited(tag: ChildTag(5), pid: 9, reason: .exited(1), launchFailure: nil),
        .exited(
            tag: ChildTag(5), pid: 9, reason: .signalled(11, dumpedCore: true),
            launchFailure: LaunchFailure(step: "chdir", errno: 2, subject: "/nowhere")),
        .shutdown(hurry: true), .shutdown(hurry: false), .reload(ticket: 3), .reloadRefused(ticket: 4, reason: "no"),
        .reopenLogs,
        .fileOpened(path: "/c", errno: 0), .fileOpened(path: "/c", errno: 13),
        .apps(
            .present(
                AppEntry(
                    name: "blog.example.com", path: "/srv/blog", isDeployRoot: true, owner: 1000,
                    user: PolicyUser(name: "blog", uid: 1000, gid: 1000, groups: [4]), objection: nil,
                    stateDirectory: "/var/lib/passenger/blog"))),
        .apps(
            .present(
                AppEntry(
                    name: "x", path: "/x", isDeployRoot: false, owner: 0, user: nil, objection: "no",
                    stateDirectory: nil))),
        .apps(.gone(name: "x")), .apps(.unreachable(name: nil, reason: "r")),
        .apps(.unreachable(name: "x", reason: "")),
        .apps(.reachable(name: nil)), .apps(.refused(name: "x", reason: "r")), .apps(.listed),
        .ping, .prepare, .retire, .upgraded(ticket: 1, version: "2"), .upgradeRefused(ticket: .max, reason: "no"),
        .loads([WorkerLoad(tag: ChildTag(3), requests: 0, streams: 7)]), .loads([]), .stay,
    ]

    static var supervisorPlan: SupervisorPlan {
        var plan = SupervisorPlan()
        plan.listeners = [
            ListenerPlan(name: "http:0", address: .tcp(host: "::1", port: 80), backlog: 2048, count: 4),
            ListenerPlan(name: "admin", address: .unix(path: "/run/a"), backlog: 1, mode: 0o600, owner: "nobody"),
        ]
        plan.users = [PolicyUser(name: "nobody", uid: 65534, gid: 65534, groups: [65534, 7])]
        plan.coreUser = "nobody"
        plan.appsWatcher = AppsWatcherPlan(arguments: ["passenger", "_apps"], input: [1, 0, 2])
        plan.reloader = ReloaderPlan(arguments: ["passenger", "_reload"], input: [3])
        plan.allowsOwnUser = false
        plan.programPath = "/usr/bin/passenger"
        plan.coreProgram = "/usr/bin/core"
        plan.coreArguments = ["passenger core", "_core"]
        plan.coreEnvironment = ["A=b"]
        plan.launchProgram = "/usr/lib/passenger-launch"
        plan.coreBootPlan = Array(0...255)
        plan.shutdownTimeout = .milliseconds(1500)
        plan.pidFile = "/run/pid"
        plan.instanceDirectory = "/run/passenger/default"
        plan.reportDescriptor = 9
        plan.readableFiles = ["/etc/ssl/blog.pem", "/etc/ssl/blog.key"]
        plan.logFormat = .json
        return plan
    }

    static var launchPlan: LaunchPlan {
        var plan = LaunchPlan(arguments: ["ruby", "-e", ""], environment: ["PATH=/bin", "X="], directory: "/srv")
        plan.umask = 0o077
        plan.limits = [ResourceLimit(resource: 7, soft: 10, hard: .max)]
        plan.oomScore = 300
        plan.programDescriptor = 4
        plan.setsListenPid = true
        plan.niceness = 5
        plan.forbidsNewPrivileges = false
        return plan
    }

    @Test("every core message comes back as it was sent", arguments: coreMessages)
    func coreRoundTrip(message: CoreMessage) throws {
        #expect(try MessageCodec.decodeCore(MessageCodec.encode(message)) == message)
    }

    @Test("every supervisor message comes back as it was sent", arguments: supervisorMessages)
    func supervisorRoundTrip(message: SupervisorMessage) throws {
        #expect(try MessageCodec.decodeSupervisor(MessageCodec.encode(message)) == message)
    }

    @Test("plans, failures and reports come back as they were sent")
    func planRoundTrip() throws {
        let plan = Self.supervisorPlan
        #expect(try MessageCodec.decodeSupervisorPlan(MessageCodec.encode(plan)) == plan)
        #expect(try MessageCodec.decodeSupervisorPlan(MessageCodec.encode(SupervisorPlan())) == SupervisorPlan())
        let launch = Self.launchPlan
        #expect(try MessageCodec.decodeLaunchPlan(MessageCodec.encode(launch)) == launch)
        let failure = LaunchFailure(step: "exec", errno: 2, subject: "nothing")
        #expect(try MessageCodec.decodeLaunchFailure(MessageCodec.encode(failure)) == failure)
        for compiled in [CompiledPlan.plan(plan), .refused(reason: "a:1:2 unknown key")] {
            let bytes = MessageCodec.encode(compiled)
            #expect(try MessageCodec.decodeCompiledPlan(bytes) == compiled)
            #expect(throws: CodecError.self) { try MessageCodec.decodeCompiledPlan(Array(bytes.dropLast())) }
        }
        for report in [StartReport.ready(summary: "ok"), .failed(reason: "no", exitCode: 2)] {
            #expect(try MessageCodec.decodeStartReport(MessageCodec.encode(report)) == report)
        }
    }

    @Test("a client's connection comes back as it was sent")
    func handedConnectionRoundTrip() throws {
        let end = HandedConnection.End(address: "2001:db8::1", port: 4711)
        for connection in [
            HandedConnection(
                listener: "https:0", peer: end, local: end, isSecure: true, isKnown: false, isRelayed: true,
                isNew: false,
                unread: Array("GET / HT".utf8)),
            HandedConnection(
                listener: "", peer: nil, local: nil, isSecure: false, isKnown: true, isRelayed: false, isNew: true,
                unread: []),
        ] {
            let bytes = MessageCodec.encode(connection)
            #expect(try MessageCodec.decodeClient(bytes) == connection)
            for length in 0..<bytes.count {
                #expect(throws: CodecError.self) { try MessageCodec.decodeClient(Array(bytes[..<length])) }
            }
        }
    }

    @Test("a message of another family or version is refused by that name")
    func otherFamilies() {
        #expect(throws: CodecError.wrongFamily) {
            try MessageCodec.decodeCore(MessageCodec.encode(SupervisorMessage.reload(ticket: 1)))
        }
        var newer = MessageCodec.encode(CoreMessage.done)
        newer[2] = 9
        #expect(throws: CodecError.unsupportedVersion(9)) { try MessageCodec.decodeCore(newer) }
        var unknown = MessageCodec.encode(CoreMessage.done)
        unknown[3] = 200
        #expect(throws: CodecError.unknownKind(200)) { try MessageCodec.decodeCore(unknown) }
        #expect(throws: CodecError.trailingBytes) {
            try MessageCodec.decodeCore(MessageCodec.encode(CoreMessage.done) + [0])
        }
    }

    @Test("a forged count is refused without allocating for it")
    func forgedCount() {
        var bytes = MessageCodec.encode(LaunchPlan(arguments: [], environment: [], directory: ""))
        bytes.replaceSubrange(3..<7, with: [0xFF, 0xFF, 0xFF, 0xFF])
        #expect(throws: CodecError.truncated) { try MessageCodec.decodeLaunchPlan(bytes) }
    }

    @Test("every truncation throws")
    func truncations() {
        for message in Self.coreMessages {
            let bytes = MessageCodec.encode(message)
            for length in 0..<bytes.count {
                #expect(throws: CodecError.self) { try MessageCodec.decodeCore(Array(bytes[..<length])) }
            }
        }
        let bytes = MessageCodec.encode(Self.supervisorPlan)
        for length in 0..<bytes.count {
            #expect(throws: CodecError.self) { try MessageCodec.decodeSupervisorPlan(Array(bytes[..<length])) }
        }
    }

    @Test("mutated bytes are refused or decode to something that encodes again")
    func mutations() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SplitMix64(state: seed)
        let samples =
            Self.coreMessages.map { MessageCodec.encode($0) } + Self.supervisorMessages.map { MessageCodec.encode($0) }
            + [MessageCodec.encode(Self.supervisorPlan), MessageCodec.encode(Self.launchPlan)]
        for _ in 0..<20_000 {
            var bytes = samples.randomElement(using: &random)!
            for _ in 0...Int.random(in: 0...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if let message = try? MessageCodec.decodeCore(bytes) {
                #expect(MessageCodec.encode(message) == bytes, "seed \(seed)")
            }
            if let message = try? MessageCodec.decodeSupervisor(bytes) {
                #expect(MessageCodec.encode(message) == bytes, "seed \(seed)")
            }
            if let plan = try? MessageCodec.decodeSupervisorPlan(bytes) {
                #expect(MessageCodec.encode(plan) == bytes, "seed \(seed)")
            }
            if let plan = try? MessageCodec.decodeLaunchPlan(bytes) {
                #expect(MessageCodec.encode(plan) == bytes, "seed \(seed)")
            }
        }
    }
}

/// A generator that gives the same numbers for the same seed.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
