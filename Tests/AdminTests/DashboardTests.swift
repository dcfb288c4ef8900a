import AdminAPI
import Model
import Testing

@testable import AdminServer

struct DashboardTests {
    private let start = Instant(nanoseconds: 1_000_000_000_000)
    private let evil = "</td><script>alert('1')</script>\" onload=\"x&\u{202E}\u{1b}"

    private func holder(_ name: String) throws -> TokenTable.Holder {
        let token = String(repeating: "a", count: 40)
        return try #require(try TokenTable(file: "\(name) all \(token)").holder(of: token))
    }

    @Test func `What is put into a page is escaped, and a piece of a page is not`() {
        let piece: HTML = "<b title=\"\(evil)\">\(evil)</b>"
        #expect(
            !piece.text.contains("<script") && !piece.text.contains("\" onload") && !piece.text.contains("\u{202E}"))
        #expect(("<i>\(piece)</i>" as HTML).text == "<i>\(piece.text)</i>")
        #expect(HTML.escape("a&<>\"'") == "a&amp;&lt;&gt;&quot;&#39;")
    }

    @Test func `No name, reason, output or title of others makes markup`() throws {
        let name = try #require(AppName("blog"))
        var app = AppStatus(name: name, root: evil, mode: .deployRoot, kind: nil, environment: evil)
        app.liveRelease = evil
        app.warnings = [evil]
        app.lastFailure = FailureReport(step: evil, summary: evil, details: evil, outputTail: [evil], hint: evil)
        app.operation = OperationStatus(
            operation: OperationID(.deploy, 1), kind: .deploy, deploy: DeployNumber(1), step: evil,
            since: WallTime(millisecondsSince1970: 0), by: evil)
        app.generations = [
            GenerationStatus(number: GenerationNumber(1), release: evil, state: .live, target: 1, workers: [])
        ]
        var deploy = DeploySummary(number: DeployNumber(1), state: evil)
        (deploy.by, deploy.ref, deploy.reason) = (evil, evil, evil)
        let server = ServerStatus(
            instance: evil, version: evil, supervisorPid: 1, corePid: 2, startedAt: WallTime(millisecondsSince1970: 0),
            uptimeSeconds: 1, listeners: [evil])
        var state = DashboardState(report: StatusReport(server: server, apps: [app]), figures: [:])
        state.deploys[name] = [deploy]
        state.running[name] = DeployDetail(summary: deploy, steps: [DeployStep(step: evil, state: evil)])
        let sections = DashboardPage(standing: .all, formSecret: "s3cret").sections(state)
        #expect(sections.map(\.id) == ["server", "app-blog"])
        for section in sections {
            #expect(!section.html.contains("<script") && !section.html.contains("\" onload"))
        }
        #expect(sections[1].html.contains("Roll back") && sections[1].html.contains("value=\"s3cret\""))
        let seen = DashboardPage(standing: .roles([name: [.view]]), formSecret: "s3cret").sections(state)
        #expect(!seen[1].html.contains("<form"))
        #expect(DashboardPage(standing: .roles([:]), formSecret: "").sections(state).count == 1)
    }

    @Test func `A form is of its session alone`() throws {
        var table = SessionTable()
        let (one, other) = (table.open(try holder("ops"), now: start), table.open(try holder("ops"), now: start))
        let (found, foundOther) = (table.find(one, now: start), table.find(other, now: start))
        let session = try #require(found)
        let stranger = try #require(foundOther)
        #expect(session.owns(FormBody("secret=\(session.formSecret)&x=1")))
        for wrong in ["", "secret=", "secret=\(stranger.formSecret)", "secret=\(one)", "Secret=\(session.formSecret)"] {
            #expect(!session.owns(FormBody(wrong)))
        }
    }

    @Test func `Sessions end, are told something once, and are never too many`() throws {
        var table = SessionTable()
        let secret = table.open(try holder("ops"), now: start)
        table.tell(secret, "done")
        let notices = [table.takeNotice(secret), table.takeNotice(secret)]
        #expect(notices == ["done", nil])
        let idle = table.find(secret, now: start + SessionTable.longestIdle) == nil
        #expect(idle)
        let closed = table.open(try holder("ops"), now: start)
        table.close(closed)
        let gone = table.find(closed, now: start) == nil
        #expect(gone)
        for _ in 0..<40 { _ = table.open(try holder("ops"), now: start) }
        #expect(table.count == SessionTable.mostOfHolder)
        for index in 0..<600 { _ = table.open(try holder("t\(index)"), now: start + .milliseconds(index)) }
        #expect(table.count == SessionTable.most)
    }

    @Test func `Forms are read as browsers write them`() {
        let form = FormBody("a=b+c%21&d=%C3%A4&e&a=2&f=%zz&g=%")
        #expect(form["a"] == "b c!" && form["d"] == "ä" && form["e"] == "" && form["f"] == nil && form["g"] == nil)
    }

    @Test func `A page's place is given back with it, also when it was never shown`() {
        let places = ReaderPlaces(2)
        var first = places.take()
        let second = places.take()
        #expect(first != nil && second != nil && places.take() == nil)
        first = nil
        #expect(places.take() != nil, "and given back at once")
        let third = places.take()
        #expect(third != nil && places.take() == nil)
        withExtendedLifetime((second, third)) {}
    }

    @Test(.timeLimit(.minutes(5)))
    func `A reader that takes nothing costs one state, and the others miss nothing`() async throws {
        let feed = StateFeed(plane: FakeControlPlane())
        let slow = try #require(await feed.read())
        let quick = try #require(await feed.read())
        var seen = 0
        for await _ in quick {
            seen += 1
            if seen == 4 { break }
        }
        #expect(seen == 4)
        // What it takes at last is the newest, and there is one.
        var reading = slow.makeAsyncIterator()
        #expect(await reading.next() != nil)
        var readers: [AsyncStream<DashboardState>] = []
        while let reader = await feed.read() { readers.append(reader) }
        #expect(readers.count <= StateFeed.mostReaders)
    }
}
