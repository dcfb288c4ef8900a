import AdminAPI
import Deploys
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    /// Each single call of a deploy, and of a rollback, that takes space or makes a descriptor is refused in turn, in whatever
    /// process: the version that serves goes on serving, the end is a success or a reason to act on, what is on disk is in the
    /// end what was said, and the next deploy succeeds and leaves nothing behind.
    ///
    /// Some calls; with `PASSENGER_LONG_TESTS=1` every one.
    @Suite(.serialized) struct ScarcityTests {
        static let isLong = FaultPointTests.isLong

        enum Shortage: String, Sendable {
            /// One call for space is refused, and no other.
            case oneWrite
            /// All from it on: the disk is full until it is over.
            case allWrites
            case oneDescriptor

            var resource: Refuser.Resource { self == .oneDescriptor ? .descriptors : .space }
            var length: Int { self == .allWrites ? 1 << 40 : 1 }
            /// One of these is in the reason of a failure.
            var reasons: [String] { resource == .space ? ["space", "full"] : ["open files"] }
        }

        @Test(.timeLimit(.minutes(isLong ? 180 : 6)))
        func `one write is refused`() throws { try sweep(.oneWrite) }

        @Test(.timeLimit(.minutes(isLong ? 180 : 6)))
        func `all writes are refused from one on`() throws { try sweep(.allWrites) }

        @Test(.timeLimit(.minutes(isLong ? 180 : 6)))
        func `one descriptor is refused`() throws { try sweep(.oneDescriptor) }

        private func sweep(_ shortage: Shortage) throws {
            var world = try World(shortage)
            try world.deploy("everything allowed")
            let deploy = try world.count { try $0.deploy("counting") }
            let rollback = try world.count { world in
                let end = try world.server.command("rollback")
                #expect(end.status == 0, "\(end.everything)")
            }
            print("\(shortage): a deploy makes \(deploy) calls, a rollback \(rollback)")
            var failed = 0
            for (index, call) in steps(deploy, short: 3).enumerated() {
                if try !world.deployRefusing(call) { failed += 1 }
                if index % 25 == 2 { try world.restart("after call \(call)") }
            }
            for call in steps(rollback, short: 1) { try world.rollBackRefusing(call) }
            print("\(shortage): \(failed) deploys failed, \(world.version) versions in all")
            try world.deploy("at the end")
            try world.expectNothingLeft("at the end")
            try world.server.stop()
        }

        /// In no order, so that a run that is broken off has seen some of everything.
        private func steps(_ calls: Int, short: Int) -> [Int] {
            Array((1...calls + 1).shuffled().prefix(Self.isLong ? calls + 1 : short))
        }
    }
}

/// A deploy root that serves, its server one that calls can be refused to.
private struct World {
    let shortage: SystemTests.ScarcityTests.Shortage
    let place: Place
    let refuser: Refuser
    let repository: TestRepository
    let server: TestServer
    var version = 1

    init(_ shortage: SystemTests.ScarcityTests.Shortage) throws {
        self.shortage = shortage
        place = try Place()
        refuser = try Refuser(shortage.resource, in: place)
        repository = try TestRepository(.python, in: place)
        let hooks = ["build", "before_boot", "before_switch", "after_stable"].map { "  \($0): ['echo \($0)']" }
        let file = repository.passengerfile(deploy: "  shared: [log]\n" + hooks.joined(separator: "\n"))
            .replacing("bake: 1s", with: "bake: 100ms").replacing("/up", with: "/up\n  interval: 50ms\n  successes: 1")
        try repository.write("Passengerfile.yml", file)
        try repository.commit()
        server = TestServer(try place.makeAppDirectory("root"), in: place)
        let made = try server.run("deploy", "--root", server.directory, "--repo", repository.path)
        try #require(made.status == 0, "\(made.everything)")
        try server.start(behind: refuser.wrapper)
        try server.waitUntilServing(release: "1-")
    }

    /// One that has to succeed.
    mutating func deploy(_ what: String) throws {
        version += 1
        try repository.commitVersion(version)
        let end = try server.command("deploy", "--wait")
        try #require(end.status == 0, "\(what): \(end.everything)\n\(server.log)")
        #expect(try server.version() == "\(version)", "\(what)")
        try refuser.waitForQuiet()
    }

    /// A server that starts reads what is on disk.
    func restart(_ what: String) throws {
        let before = try server.version()
        try server.stop()
        try server.start(behind: refuser.wrapper)
        try server.waitUntilServing()
        #expect(try server.version() == before, "\(what)")
    }

    mutating func count(_ body: (inout World) throws -> Void) throws -> Int {
        try refuser.refuse(1, length: 0)
        try body(&self)
        try refuser.waitForQuiet()
        let (calls, _, told) = try refuser.relent()
        #expect(calls > 0)
        if SystemTests.ScarcityTests.isLong { print(told.joined(separator: "\n")) }
        return calls
    }

    /// What was refused, and how the command ended, while a client asked all the time.
    private mutating func refusing(
        _ call: Int, _ command: String..., body: (_ what: String, Program.End, _ version: String) throws -> Void
    ) throws {
        // A new connection would be a descriptor to count.
        let prober = Prober(port: server.port, keeps: shortage.resource == .descriptors)
        defer { _ = try? prober.stop() }
        try refuser.refuse(call, length: shortage.length)
        let end = try server.begin(command + ["--root", server.directory]).wait(within: .seconds(180))
        let version = try server.version()
        try refuser.waitForQuiet()
        let refused = try refuser.relent()
        let what = "\(refused.told.first ?? "call \(call): none was refused")"
        if SystemTests.ScarcityTests.isLong {
            print("\(command[0]), \(what): \(end.status ?? -1) \(end.errors.suffix(300))")
        }
        try body(what, end, version)
        try expectTruthOnDisk(what)
        let (_, failures) = try prober.stop()
        #expect(failures.isEmpty, "\(what): \(failures.prefix(3))\n\(server.log)")
    }

    /// Whether it was a success all the same.
    mutating func deployRefusing(_ call: Int) throws -> Bool {
        let before = try server.version()
        version += 1
        try repository.commitVersion(version)
        let (wanted, reasons) = ("\(version)", shortage.reasons)
        var isDone = false
        var what = ""
        try refusing(call, "deploy", "--wait") { refused, end, now in
            what = refused
            isDone = end.status == 0
            #expect(now == (isDone ? wanted : before), "\(what): \(end.everything)")
            if isDone { return }
            #expect(end.status == 1, "\(what): \(end.everything)")
            #expect(reasons.contains { end.everything.contains($0) }, "\(what): \(end.everything)")
        }
        // What a clean-up after a success could not do is for the next deploy too.
        if isDone { return true }
        try deploy("after \(what)")
        try expectNothingLeft(what)
        return false
    }

    mutating func rollBackRefusing(_ call: Int) throws {
        let before = try server.version()
        try deploy("before a rollback")
        try refusing(call, "rollback") { what, end, now in
            #expect(end.status == 0, "\(what): \(end.everything)")
            #expect(now == before, "\(what): \(end.everything)")
        }
    }

    private struct Live: Decodable {
        struct Place: Decodable {
            struct Label: Decodable { var name: String }
            var label: Label
        }
        var live: Place
    }

    /// Once there is room again, what a server that starts would read is what is the case.
    func expectTruthOnDisk(_ what: String) throws {
        let state = server.stateDirectory
        try eventually(
            "\(what): the truth on disk", within: .seconds(45),
            evidence: {
                "\(text(of: "\(state)/live.json").prefix(300))\n\(server.records.map { "\($0.number) \($0.state)" })\n\(server.log)"
            }
        ) {
            let app = try server.appStatus()
            let live = try JSONDecoder().decode(Live.self, from: Data(text(of: "\(state)/live.json").utf8))
            return live.live.label.name == app.liveRelease && !server.records.contains { !$0.state.isEnd }
                && server.records.contains { $0.wasStable && $0.release?.label.name == app.liveRelease }
        }
    }

    /// Neither a file that was to be renamed nor a release that nobody knows.
    func expectNothingLeft(_ what: String) throws {
        try eventually("\(what): nothing left behind", within: .seconds(30), evidence: { evidence }) {
            let numbers = Set(server.records.map(\.number))
            let names = try FileManager.default.contentsOfDirectory(atPath: "\(server.directory)/releases")
            return names.allSatisfy { name in Int(name.prefix { $0 != "-" }).map(numbers.contains) ?? false }
                && strays.isEmpty
        }
    }

    private var strays: [String] {
        let known: Set<String> = ["deploys", "runs", "live.json", "operation.lock", "reserve"]
        let files = FileManager.default
        let state = (try? files.contentsOfDirectory(atPath: server.stateDirectory)) ?? []
        let deploys = (try? files.contentsOfDirectory(atPath: "\(server.stateDirectory)/deploys")) ?? []
        let root = (try? files.contentsOfDirectory(atPath: server.directory)) ?? []
        return state.filter { !known.contains($0) } + deploys.filter { $0.hasPrefix(".") }
            + root.filter { $0.hasPrefix(".") && $0 != ".passenger" }
    }

    private var evidence: String {
        let end = try? Clients.run(["find", server.stateDirectory, server.directory, "-maxdepth", "2"], in: place)
        return "\(strays)\n\(end?.output ?? "")"
    }
}
