import AdminAPI
import HTTPTypes
import Hummingbird
import Linux
import Logging
import Model
import NIOCore
import Synchronization

/// The page for people, and its forms. Whoever signs in with a token has a session; its cookie opens nothing else than this.
final class Dashboard: Sendable {
    private static let maxForm = 4096
    static let cookie = "passenger_session"

    private let files: DashboardFiles
    let plane: any ControlPlane
    let feed: StateFeed
    let deployReaders = ReaderPlaces(32)
    private let access: RemoteAccess
    private let logger: Logger
    private let sessions = Mutex(SessionTable())

    init(files: DashboardFiles, plane: any ControlPlane, access: RemoteAccess, logger: Logger) {
        self.files = files
        self.plane = plane
        self.access = access
        self.logger = logger
        feed = StateFeed(plane: plane)
    }

    struct Visitor: Sendable {
        var secret: String
        var session: SessionTable.Session
        var standing: Standing
    }

    static func isOurs(_ path: String) -> Bool {
        ["/", "/login", "/logout", "/events"].contains(path) || path.hasPrefix("/dashboard/")
    }

    /// - Parameters:
    ///   - signIn: judges a token; throws what is to be answered.
    ///   - recognized: called once it is known that the request is not a stranger's.
    func answer(
        _ request: Request, signIn: (String) throws(ControlError) -> TokenTable.Holder,
        recognized: () throws(ControlError) -> Void
    ) async throws -> Response {
        do {
            let path = request.uri.path
            if request.method == .get, let file = asset(path) { return file }
            if request.method == .post, !request.isOfThisSite {
                throw ControlError(.forbidden, "This form is another site's.")
            }
            if path == "/login", request.method == .post { return try await self.signIn(request, signIn) }
            guard let visitor = await visitor(request) else {
                guard path != "/events" else { throw ControlError(.unauthorized, "Sign in again.") }
                return path == "/" || path == "/login" ? page("Sign in", Self.signInForm("")) : Self.goTo("/login")
            }
            try recognized()
            return try await answer(request, visitor)
        } catch let error as ControlError {
            return failed(error)
        }
    }

    private func answer(_ request: Request, _ visitor: Visitor) async throws -> Response {
        let path = request.uri.path
        let parts = path.split(separator: "/").map(String.init)
        switch (request.method, parts.count) {
        case (.get, 0): return await overview(visitor)
        case (.get, 1) where path == "/login": return Self.goTo("/")
        case (.get, 1) where path == "/events": return try await events(visitor)
        case (.get, 5) where parts[1] == "apps" && parts[3] == "deploys": return try await deploy(parts, visitor)
        case (.get, 6) where parts[1] == "apps" && parts[3] == "deploys" && parts[5] == "events":
            return try await events(of: try app(parts[2], visitor), try number(parts[4]), visitor)
        case (.post, 1) where path == "/logout":
            _ = try await form(request, visitor)
            sessions.withLock { $0.close(visitor.secret) }
            return Self.goTo("/login")
        case (.post, 4) where parts[1] == "apps":
            _ = try await form(request, visitor)
            return try await order(parts[3], try app(parts[2], visitor), visitor)
        default: throw ControlError(.notFound, "There is no such page.")
        }
    }

    // MARK: Who

    private func visitor(_ request: Request) async -> Visitor? {
        guard let secret = Self.cookie(in: request),
            let session = sessions.withLock({ $0.find(secret, now: monotonicNow()) }), access.isStill(session.holder)
        else { return nil }
        return Visitor(
            secret: secret, session: session, standing: session.holder.standing(apps: await plane.apps().map(\.name)))
    }

    /// Whether a session that was there still is.
    func isStill(_ visitor: Visitor) -> Bool {
        access.isStill(visitor.session.holder)
            && sessions.withLock { $0.find(visitor.secret, now: monotonicNow()) } != nil
    }

    private static func cookie(in request: Request) -> String? {
        for field in request.headers[values: .cookie] {
            for pair in field.split(separator: ";") {
                let parts = pair.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
                if parts.count == 2, parts[0] == cookie { return String(parts[1]) }
            }
        }
        return nil
    }

    private func signIn(
        _ request: Request, _ judge: (String) throws(ControlError) -> TokenTable.Holder
    ) async throws -> Response {
        let form = try await form(request)
        let holder: TokenTable.Holder
        do throws(ControlError) { holder = try judge(form["token"] ?? "") } catch {
            var answer = page("Sign in", Self.signInForm(error.message))
            answer.status = .init(code: error.code.httpStatus)
            return answer
        }
        AuditTrail.note("signs in", by: caller(holder), "done", logger)
        let secret = sessions.withLock { $0.open(holder, now: monotonicNow()) }
        var answer = Self.goTo("/")
        let secure = access.secure == nil ? "" : "; Secure"
        answer.headers[.setCookie] = "\(Self.cookie)=\(secret); Path=/; HttpOnly; SameSite=Strict\(secure)"
        return answer
    }

    private func caller(_ holder: TokenTable.Holder) -> Caller { Caller(token: holder.name, uid: access.serverUser) }

    private func form(_ request: Request) async throws -> FormBody {
        do {
            let bytes = try await request.body.collect(upTo: Self.maxForm)
            return FormBody(String(decoding: bytes.readableBytesView, as: UTF8.self))
        } catch is NIOTooManyBytesError {
            throw ControlError(.bodyTooLarge, "The form is over \(Self.maxForm) bytes.")
        }
    }

    /// One of this session's.
    private func form(_ request: Request, _ visitor: Visitor) async throws -> FormBody {
        let form = try await form(request)
        guard visitor.session.owns(form) else {
            throw ControlError(.forbidden, "This form is not of this session.", hint: "Load the page again.")
        }
        return form
    }

    private func app(_ text: String, _ visitor: Visitor) throws(ControlError) -> AppName {
        guard let app = AppName(text), visitor.standing.allows(.view, app) else {
            throw ControlError(.unknownApp, "There is no such app.")
        }
        return app
    }

    // MARK: Orders

    private func order(_ deed: String, _ app: AppName, _ visitor: Visitor) async throws -> Response {
        let caller = caller(visitor.session.holder)
        let origin = RequestOrigin(command: "dashboard")
        do throws(ControlError) {
            let role: AppRole = ["pause", "resume"].contains(deed) ? .operate : .deploy
            guard visitor.standing.allows(role, app) else {
                throw ControlError(.forbidden, "\(caller.subject) may not \(deed) \(app).")
            }
            switch deed {
            case "rollback":
                var request = RollbackRequest()
                request.origin = origin
                _ = try await plane.startRollback(app, request, caller: caller)
            case "restart":
                var request = RestartRequest()
                request.origin = origin
                _ = try await plane.startRestart(app, request, caller: caller)
            case "pause": _ = try await plane.pause(app, PauseRequest(holdSeconds: 60), caller: caller)
            case "resume": _ = try await plane.resume(app, caller: caller)
            default: throw ControlError(.notFound, "There is no such order.")
            }
            tell("\(app): \(deed) is ordered.", visitor)
            AuditTrail.note("\(deed) \(app), dashboard", by: caller, "accepted", logger)
        } catch {
            tell("\(app): \(deed) is refused: \(error.message)", visitor)
            AuditTrail.note("\(deed) \(app), dashboard", by: caller, error.code.rawValue, logger)
        }
        return Self.goTo("/")
    }

    private func tell(_ notice: String, _ visitor: Visitor) {
        sessions.withLock { $0.tell(visitor.secret, notice) }
    }

    // MARK: Pages

    private func overview(_ visitor: Visitor) async -> Response {
        let sections = DashboardPage(standing: visitor.standing, formSecret: visitor.session.formSecret)
            .sections(await feed.now())
        let notice = sessions.withLock { $0.takeNotice(visitor.secret) }
        return page(
            "Passenger",
            """
            <header><h1>Passenger</h1><form method="post" action="/logout">\
            <input type="hidden" name="secret" value="\(visitor.session.formSecret)">\
            <button>Sign out</button></form></header>
            <p id="notice" role="status" aria-live="polite">\(notice ?? "")</p>
            <main id="state" data-live="/events">\(sections.map { HTML(trusted: $0.html) })</main>
            """)
    }

    private func deploy(_ parts: [String], _ visitor: Visitor) async throws -> Response {
        let app = try app(parts[2], visitor)
        let number = try number(parts[4])
        let detail = try await plane.deploy(app, number)
        let section = HTML(trusted: await section(app, detail).html)
        // One that is over does not change any more.
        let live: HTML =
            detail.isRunning
            ? " data-live=\"/dashboard/apps/\(app.rawValue)/deploys/\(number.rawValue)/events\"" : ""
        return page(
            "\(app) deploy \(number.rawValue)",
            """
            <header><h1>\(app.rawValue), deploy \(number.rawValue)</h1><p><a href="/">All apps</a></p></header>
            <p id="notice" role="status" aria-live="polite"></p><main id="state"\(live)>\(section)</main>
            """)
    }

    private func number(_ text: String) throws(ControlError) -> DeployNumber {
        guard let number = Int(text) else { throw ControlError(.notFound, "There is no such deploy.") }
        return DeployNumber(number)
    }

    /// The page of a deploy, as it is now.
    func section(_ app: AppName, _ detail: DeployDetail) async -> DashboardPage.Section {
        var log = DeployLog()
        if let operation = detail.operation {
            for event in (try? await plane.eventsUntilNow(app, operation: operation)) ?? [] { log.add(event) }
        }
        let lines = log.lines.isEmpty ? detail.failure?.outputTail ?? [] : log.lines
        return DashboardPage.deploy(detail, lines)
    }

    private static func signInForm(_ problem: String) -> HTML {
        """
        <header><h1>Passenger</h1></header><main><form class="app" method="post" action="/login">\
        <p id="problem" role="alert">\(problem)</p><p><label for="token">Token</label>\
        <input id="token" name="token" type="password" autocomplete="current-password" required \
        aria-describedby="problem"></p><p><button>Sign in</button></p></form></main>
        """
    }

    private func failed(_ error: ControlError) -> Response {
        var answer = page(
            "Passenger",
            """
            <main><section class="app"><h1>This did not work</h1><p>\(error.message)</p><p>\(error.hint ?? "")</p>\
            <p><a href="/">All apps</a></p></section></main>
            """)
        answer.status = .init(code: error.code.httpStatus)
        return answer
    }

    private func asset(_ path: String) -> Response? {
        switch path {
        case "/dashboard/style.css": Self.text(files.style, "text/css; charset=utf-8")
        case "/dashboard/script.js": Self.text(files.script, "text/javascript; charset=utf-8")
        default: nil
        }
    }

    private func page(_ title: String, _ content: HTML) -> Response {
        Self.text(files.page(title, content), "text/html; charset=utf-8")
    }
}
