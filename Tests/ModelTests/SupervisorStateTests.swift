import Testing

@testable import Model

@Suite("Supervisor state")
struct SupervisorStateTests {
    private static var state: SupervisorState {
        var plan = MessageCodecTests.supervisorPlan
        plan.reportDescriptor = nil
        var state = SupervisorState(
            plan: plan,
            core: SupervisorState.Core(number: 7, pid: 40, startedAt: Instant(nanoseconds: 1 << 40), socket: 9),
            restarts: SupervisorState.Restarts(lastNumber: 8, failures: 2),
            ownerPipe: SupervisorState.OwnerPipe(reader: 10, writer: 11))
        state.lastTicket = .max
        state.rows = [
            SupervisorState.Row(
                entry: MessageCodecTests.entry, coreNumber: 7, controlGroup: "app-blog-g1", isOrphan: false,
                killAt: nil, drainAt: Instant(nanoseconds: 5), isDrained: false),
            SupervisorState.Row(
                entry: ChildEntry(tag: ChildTag(1), role: .tool, pid: 43, startTime: 1, title: ""), coreNumber: 6,
                controlGroup: nil, isOrphan: true, killAt: .zero, drainAt: nil, isDrained: true),
        ]
        state.children = [
            SupervisorState.Child(pid: 40, process: 12, report: 13),
            SupervisorState.Child(
                pid: 4711, process: 14, output: SupervisorState.Output(standardOutput: 15, standardError: 16),
                report: nil, forks: SupervisorState.Forks(socket: 17, user: 1000),
                lost: SupervisorState.Lost(lines: 3, bytes: .max)),
        ]
        state.listeners = [
            SupervisorState.Listener(name: "http:0", index: 1, descriptor: 18, path: nil, origin: .bound),
            SupervisorState.Listener(name: "admin", index: 0, descriptor: 19, path: "/run/a", origin: .unit),
        ]
        state.groupGuard = SupervisorState.Guard(pid: 41, pipe: 20)
        state.meterPid = 42
        state.apps = [.gone(name: "x"), .listed]
        state.store.stored = ["b", "a"]
        state.store.told = ["a"]
        state.controlGroups = SupervisorState.ControlGroups(path: "/sys/fs/cgroup/p", ending: ["g1", "g2"])
        state.controlGroupNote = "control groups below"
        return state
    }

    private static var smallest: SupervisorState {
        SupervisorState(
            plan: SupervisorPlan(), core: SupervisorState.Core(number: 1, pid: 2, startedAt: .zero, socket: 3),
            restarts: SupervisorState.Restarts(lastNumber: 1, failures: 0),
            ownerPipe: SupervisorState.OwnerPipe(reader: 4, writer: 5))
    }

    @Test("what is written is read, in every version that can be")
    func roundTrip() throws {
        for state in [Self.state, Self.smallest] {
            for version in SupervisorState.versions {
                let bytes = try MessageCodec.encode(state, version: version)
                #expect(try MessageCodec.decodeSupervisorState(bytes) == state)
            }
        }
        #expect(Self.state.descriptors.sorted() == Array(9...20))
    }

    @Test("other versions are refused, by writer and reader")
    func versions() throws {
        var bytes = try MessageCodec.encode(Self.state)
        for version in [SupervisorState.versions.lowerBound - 1, SupervisorState.versions.upperBound + 1] {
            #expect(throws: CodecError.unsupportedVersion(version)) {
                try MessageCodec.encode(Self.state, version: version)
            }
            bytes.replaceSubrange(1...2, with: [UInt8(version >> 8), UInt8(version & 0xFF)])
            #expect(throws: CodecError.unsupportedVersion(version)) { try MessageCodec.decodeSupervisorState(bytes) }
        }
    }

    @Test("it is refused when cut at any byte, when something follows, and when it is something else")
    func truncations() throws {
        let bytes = try MessageCodec.encode(Self.state)
        for length in 0..<bytes.count {
            #expect(throws: CodecError.self) { try MessageCodec.decodeSupervisorState(Array(bytes[..<length])) }
        }
        #expect(throws: CodecError.trailingBytes) { try MessageCodec.decodeSupervisorState(bytes + [0]) }
        #expect(throws: CodecError.wrongFamily) {
            try MessageCodec.decodeSupervisorState(MessageCodec.encode(Self.state.plan))
        }
    }

    @Test("no byte that is changed makes it trap, or gives a state that is written otherwise")
    func changedBytes() throws {
        let bytes = try MessageCodec.encode(Self.state)
        for index in bytes.indices {
            for change in [0x01, 0x80, 0xFF] as [UInt8] {
                var changed = bytes
                changed[index] ^= change
                guard let state = try? MessageCodec.decodeSupervisorState(changed) else { continue }
                #expect(try MessageCodec.decodeSupervisorState(MessageCodec.encode(state)) == state)
            }
        }
    }

    @Test("no descriptor has two owners or is a standard one, and no signal can go to everybody")
    func impossible() throws {
        let changes: [(inout SupervisorState) -> Void] = [
            { $0.ownerPipe.reader = $0.core.socket }, { $0.children[0].process = 2 },
            { $0.listeners[0].descriptor = -1 },
            { $0.children[1].output?.standardError = 15 }, { $0.core.pid = 1 }, { $0.children[0].pid = -40 },
            { $0.groupGuard?.pid = 0 }, { $0.meterPid = -1 }, { $0.rows[0].entry.pid = 0 },
        ]
        for change in changes {
            var state = Self.state
            change(&state)
            let bytes = try MessageCodec.encode(state)
            #expect(throws: CodecError.invalidValue) { try MessageCodec.decodeSupervisorState(bytes) }
        }
    }
}
