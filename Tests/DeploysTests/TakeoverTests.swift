import Foundation
import Model
import Pool
import Synchronization
import Testing

@testable import Deploys

/// A root that another tool has deployed to.
@Suite(.timeLimit(.minutes(5))) struct TakeoverTests {
    private static let names = ["20261129010000", "20261129020000", "20261129030000"]

    private func location(_ name: String) -> ReleaseLocation {
        ReleaseLocation(
            label: ReleaseLabel(number: DeployNumber(0), name: name, revision: ""),
            directory: "/srv/app/releases/\(name)")
    }

    private func takeover(live: Int = 2) -> Takeover {
        let releases = Self.names.enumerated().map { index, name in
            Takeover.Release(
                name: name, directory: "/srv/app/releases/\(name)",
                commit: String(repeating: "\(index)", count: 40), branch: "main", deployer: "ann",
                madeAt: Date(timeIntervalSince1970: Double(index)), isWithdrawn: index > live)
        }
        return Takeover(tool: "Capistrano", releases: releases, live: Self.names[live], warnings: ["one is odd"])
    }

    private func fixture(server: Bool = true, live: Int = 2, continuing: Fixture? = nil) throws -> Fixture {
        let fixture = try Fixture(server: server, continuing: continuing)
        let takeover = self.takeover(live: live)
        let onDisk = Self.names.map(location)
        fixture.builder.change { state in
            state.takeover = takeover
            if state.onDisk.isEmpty { state.onDisk = onDisk }
            state.current = takeover.live
        }
        return fixture
    }

    private func notices(_ handle: OperationHandle) async -> [String] {
        var texts: [String] = []
        for await logged in handle.events() { if case .notice(_, let text) = logged.event { texts.append(text) } }
        return texts
    }

    @Test func `the first deploy takes over, tells of it, and switches from the release that was live`() async throws {
        let transient = try fixture(server: false)
        let handle = try await transient.operations.deploy(DeployRequest(requester: somebody))
        #expect(try await transient.finish(handle).result == .pending)
        let told = await notices(handle)
        #expect(
            told.contains { $0.contains("taken over from Capistrano") && $0.contains("3 (\(Self.names[2])") }, "\(told)"
        )
        #expect(told.contains("one is odd"))
        let server = try fixture(continuing: transient)
        let next = try #require(try await server.operations.start(requester: somebody))
        #expect(try await server.finish(next).liveRelease == "4-aaaaaaa")
        #expect(server.host.calls.first == "bootLive g1 \(Self.names[2])")
        #expect(await server.operations.deploy(DeployNumber(4))?.previous?.label.name == Self.names[2])
    }

    @Test func `without a named repository it is that of the tool, which is told`() async throws {
        let fixture = try fixture(server: false)
        fixture.settings.change { $0.repository = nil }
        fixture.builder.change {
            $0.formerRepository = FormerRepository(url: "https://ann:secret@host/x", place: "/srv/app/repo/config")
        }
        let plan = try await fixture.operations.forecast(DeployRequest(requester: somebody))
        #expect(plan.notes.contains { $0.contains("/srv/app/repo/config, https://***@host/x") }, "\(plan.notes)")
        let handle = try await fixture.operations.deploy(DeployRequest(requester: somebody))
        #expect(try await fixture.finish(handle).result == .pending)
        let told = await notices(handle)
        #expect(
            told.contains { $0.contains("/srv/app/repo/config") } && !told.contains { $0.contains("secret") }, "\(told)"
        )
        // The journal has no secrets, and the file has them still.
        _ = await fixture.journal.flush()
        for (url, expected) in [
            ("https://ann:secret@host/x", "https://ann:secret@host/x"), ("https://other/x", "https://host/x"),
        ] {
            let later = try self.fixture(server: false, continuing: fixture)
            later.builder.change { $0.formerRepository = FormerRepository(url: url, place: "/x") }
            await later.operations.loadOnce()
            let next = try await later.operations.repository(of: DeployRequest(requester: somebody), DeploySettings())
            #expect(next.url == expected && next.note == nil)
        }
    }

    @Test func `another branch than the tool's is told, unless somebody has named it`() async throws {
        let fixture = try fixture(server: false)
        fixture.builder.change { $0.takeover?.releases[2].branch = "develop" }
        func notes(_ ref: String?) async throws -> [String] {
            try await fixture.operations.forecast(DeployRequest(ref: ref, requester: somebody)).notes
        }
        let words = "deployed the branch develop, and this is main"
        #expect(try await notes(nil).contains { $0.contains(words) })
        #expect(try await !notes("main").contains { $0.contains(words) })
        let handle = try await fixture.operations.deploy(DeployRequest(requester: somebody))
        #expect(try await fixture.finish(handle).result == .pending)
        #expect(await notices(handle).contains { $0.contains(words) })
    }

    @Test func `rollbacks go to what was taken over, by default and by number`() async throws {
        let fixture = try fixture()
        #expect(try await fixture.operations.start(requester: somebody) == nil)
        #expect(try await fixture.deploy("d").deploy == DeployNumber(4))
        #expect(try await fixture.rollback().liveRelease == Self.names[2])
        #expect(fixture.builder.current == Self.names[2])
        #expect(try await fixture.rollback(to: 1).liveRelease == Self.names[0])
        let rows = await fixture.operations.releases()
        #expect(rows.map(\.record.number.rawValue) == [4, 3, 2, 1])
        #expect(rows.map(\.state) == [.withdrawn, .withdrawn, .superseded, .stable])
    }

    @Test func `what the other tool was rolled back from is no default target`() async throws {
        let fixture = try fixture(live: 1)
        #expect(try await fixture.operations.start(requester: somebody) == nil)
        #expect(fixture.host.calls == ["bootLive g1 \(Self.names[1])"])
        #expect(await fixture.operations.releases().map(\.state) == [.withdrawn, .stable, .superseded])
        fixture.builder.change { $0.commit = String(repeating: "2", count: 40) }
        let again = try await fixture.operations.deploy(DeployRequest(requester: somebody))
        #expect(try await fixture.finish(again).failure?.code == .withdrawn)
    }

    @Test func `retention counts what was taken over, and deletes it by its name`() async throws {
        let fixture = try fixture()
        fixture.settings.change { $0.settings.deploy.keepReleases = 2 }
        _ = try await fixture.operations.start(requester: somebody)
        try await fixture.deploy("d")
        #expect(fixture.builder.state.withLock { $0.onDisk.map(\.label.name) } == [Self.names[2], "4-ddddddd"])
        #expect(await fixture.operations.releases().map(\.record.number.rawValue) == [4, 3])
    }

    /// The journals are written one after the other, `live.json` last: after each of them the machine may lose power.
    @Test(arguments: 0...3)
    func `a takeover that came to no end is begun anew`(written: Int) async throws {
        let first = try fixture(live: 1)
        await first.operations.loadOnce()
        _ = await first.journal.flush()
        let state = first.directory.path + "/state"
        unlink("\(state)/live.json")
        for number in 1...3 where number > written { unlink("\(state)/deploys/\(number).json") }
        let second = try fixture(live: 1, continuing: first)
        #expect(try await second.operations.start(requester: somebody) == nil)
        #expect(second.host.calls == ["bootLive g1 \(Self.names[1])"])
        #expect(await second.operations.releases().map(\.record.number.rawValue) == [3, 2, 1])
        #expect(await second.operations.overview().warnings == [])
        // Once it holds, what is there counts, and not what the other tool does later.
        second.builder.change { $0.takeover?.live = Self.names[0] }
        let third = try Fixture(continuing: second)
        _ = await second.journal.flush()
        _ = try await third.operations.start(requester: somebody)
        #expect(third.host.calls == ["bootLive g1 \(Self.names[1])"])
    }

    @Test func `of a takeover that came to no end nothing is left that is not there any more`() throws {
        let fixture = try fixture()
        func plan(_ takeover: Takeover, _ known: [DeployRecord]) -> TakeoverPlan {
            TakeoverPlan(takeover, known: known, first: DeployNumber(1), requester: somebody, now: Date())
        }
        let before = plan(takeover(), []).records
        var now = takeover()
        now.releases.removeFirst()
        let after = plan(now, before)
        #expect(
            after.live?.label
                == ReleaseLabel(
                    number: DeployNumber(2), name: Self.names[2], revision: String(repeating: "2", count: 40)))
        let ledger = ReleaseLedger(records: after.records, live: after.live?.label.number)
        #expect(ledger.releases.map(\.record.number.rawValue) == [2, 1])
        #expect(after.records.map(\.number.rawValue).sorted() == [1, 2, 3])
        withExtendedLifetime(fixture) {}
    }

    @Test func `a root with journals of its own is not taken over`() async throws {
        let fixture = try Fixture()
        try await fixture.deploy("a")
        let takeover = self.takeover()
        fixture.builder.change { $0.takeover = takeover }
        let second = try Fixture(continuing: fixture)
        _ = try await second.operations.start(requester: somebody)
        #expect(second.host.calls == ["bootLive g1 1-aaaaaaa"])
        #expect(await second.operations.deploys().count == 1)
    }

    @Test func `what serves in place goes on, and a reload boots it from its own path`() async throws {
        let fixture = try fixture()
        var settings = fixture.settings.state.withLock { $0.settings }
        settings.directory = "/srv/app/current"
        let spec = GenerationSpec(
            app: AppName(sanitizing: "blog"), settings: settings, release: nil, workers: 1, proof: .health)
        let generation = fixture.host.bootLive(spec)
        await fixture.operations.goOn(with: generation, settings)
        #expect(try await fixture.operations.start(requester: somebody) == nil)
        let request = RestartRequest(reason: "the configuration changed", requester: somebody)
        let handle = try #require(try await fixture.operations.restartIfChanged(request))
        #expect(try await fixture.finish(handle).result == .done)
        #expect(
            fixture.host.calls == [
                "bootLive g1 in place", "boot g2 \(Self.names[2]) x1", "switch g2", "drain g1",
            ])
    }

    // MARK: Shared paths

    @Test func `a first version that would lose shared paths is refused, before anything is built`() async throws {
        let fixture = try fixture()
        fixture.builder.change { $0.sharedLinks = SharedLinks(paths: ["log", "public/uploads"]) }
        _ = try await fixture.operations.start(requester: somebody)
        let outcome = try await fixture.deploy("d")
        #expect(outcome.result == .failed && outcome.failedStep == .link)
        #expect(outcome.failure?.summary.contains("log, public/uploads") == true)
        #expect(outcome.failure?.hint?.contains("shared: [log, public/uploads]") == true)
        #expect(fixture.commands.ran == [])
    }

    @Test func `paths that deploy shared does not name are told of`() async throws {
        let fixture = try fixture()
        fixture.builder.change {
            $0.sharedLinks = SharedLinks(paths: ["log", "public/uploads"], others: ["a -> shared/b"])
        }
        fixture.settings.change { $0.settings.deploy.shared = ["./log/"] }
        _ = try await fixture.operations.start(requester: somebody)
        let forecast = try await fixture.operations.forecast(DeployRequest(requester: somebody))
        #expect(forecast.notes.contains { $0.hasSuffix("does not name them: public/uploads") }, "\(forecast.notes)")
        #expect(forecast.notes.contains { $0.contains("taken over from Capistrano") })
        let handle = try await fixture.operations.deploy(DeployRequest(requester: somebody))
        #expect(try await fixture.finish(handle).result == .done)
        let told = await notices(handle)
        #expect(told.contains { $0.hasSuffix("does not name them: public/uploads") }, "\(told)")
        #expect(told.contains { $0.contains("a -> shared/b") })
        // Ours now: its links are made by deploy.shared, and nothing more is to be told.
        let second = try await fixture.operations.deploy(DeployRequest(requester: somebody))
        try await fixture.finish(second)
        #expect(await notices(second).allSatisfy { !$0.contains("shared") && !$0.contains("Capistrano") })
    }

    @Test func `a path is there if it or what it lies in is named`() {
        let links = SharedLinks(paths: ["log", "public/uploads", "publications"])
        #expect(links.missing(from: ["log/", "./public"]) == ["publications"])
        #expect(links.missing(from: ["public/uploads/x", "", "."]) == links.paths)
    }

    // MARK: `current`

    @Test func `a current that another tool has moved is reported until it is ours again`() async throws {
        let fixture = try fixture()
        _ = try await fixture.operations.start(requester: somebody)
        #expect(await fixture.operations.overview().warnings == [])
        fixture.builder.change { $0.place = .release("20261130010000") }
        let again = try Fixture(continuing: fixture)
        _ = await fixture.journal.flush()
        _ = try await again.operations.start(requester: somebody)
        #expect(again.host.calls == ["bootLive g1 \(Self.names[2])"])
        let warnings = await again.operations.overview().warnings
        #expect(warnings.count == 1 && warnings[0].contains("releases/20261130010000"), "\(warnings)")
        #expect(try await again.deploy("d").result == .done)
        #expect(await again.operations.overview().warnings == [])
        again.builder.change { $0.place = .elsewhere("/etc") }
        let handle = try await again.operations.deploy(DeployRequest(requester: somebody))
        try await again.finish(handle)
        #expect(await notices(handle).contains { $0.contains("/etc") })
    }
}
