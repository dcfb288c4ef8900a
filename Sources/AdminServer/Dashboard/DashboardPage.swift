import AdminAPI
import Model

/// The page's pieces, for one who may see `standing`. Each is a section with an id of its own, so that only those that have
/// changed are sent again.
struct DashboardPage: Sendable {
    var standing: Standing
    /// Of the session's forms.
    var formSecret: String

    struct Section: Sendable, Equatable, Encodable {
        var id: String
        var html: String
        init(_ id: String, _ html: HTML) {
            self.id = id
            self.html = html.text
        }
    }

    func sections(_ state: DashboardState) -> [Section] {
        let apps = state.report.apps.filter { standing.allows(.view, $0.name) }
        return [server(state.report.server, apps)] + apps.map { app($0, state) }
    }

    private func server(_ server: ServerStatus, _ apps: [AppStatus]) -> Section {
        let warnings = standing == .all ? server.warnings ?? [] : []
        return Section(
            "server",
            """
            <section id="server" aria-label="Server"><p>Instance <b>\(server.instance)</b>, passenger \(server.version), \
            \(apps.count) app\(apps.count == 1 ? "" : "s"), listening on \(server.listeners.joined(separator: ", "))</p>\
            \(warnings.map { "<p class=\"warning\">Warning: \($0)</p>" as HTML })</section>
            """)
    }

    private func app(_ app: AppStatus, _ state: DashboardState) -> Section {
        let figures = state.figures[.init(app: app.name)]
        let mark = Self.state(app)
        let body: HTML = """
            <section id="app-\(app.name.rawValue)" class="app" aria-labelledby="name-\(app.name.rawValue)" \
            data-news="\(app.name.rawValue): \(mark), release \(app.liveRelease ?? "in place")">
            <h2 id="name-\(app.name.rawValue)">\(app.name.rawValue) <span class="state \(mark)">\(mark)</span></h2>
            <p>Release <b class="release">\(app.liveRelease ?? "in place")</b>, \(app.environment); \(Self.words(figures)), \
            queue \(app.queue.length)</p>
            \(operation(app, state.running[app.name]))\(failure(app))
            \(app.warnings.map { "<p class=\"warning\">Warning: \($0)</p>" as HTML })
            \(traffic(app, state))\(generations(app, state))\(buttons(app))\(history(app, state.deploys[app.name] ?? []))
            </section>
            """
        return Section("app-\(app.name.rawValue)", body)
    }

    private static func state(_ app: AppStatus) -> String {
        if app.pausedSince != nil { return "paused" }
        if let operation = app.operation {
            return operation.kind.rawValue == "boot" ? "booting" : operation.kind.rawValue
        }
        if app.generations.contains(where: { $0.state == .live }) { return app.lastFailure == nil ? "live" : "failed" }
        return app.lastFailure == nil ? "idle" : "failed"
    }

    private static func words(_ figures: TrafficHistory.Figures?) -> String {
        guard let figures else { return "rates in a moment" }
        let times = [("p50", figures.p50), ("p99", figures.p99)].compactMap { name, value in
            value.map { "\(name) \(milliseconds($0))" }
        }
        return (["\(short(figures.perSecond)) requests/s", "\(short(figures.errorsPerSecond)) errors/s"] + times)
            .joined(separator: ", ")
    }

    private static func short(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return value >= 100 ? "\(Int(value.rounded()))" : "\(tenths / 10).\(tenths % 10)"
    }

    private static func milliseconds(_ seconds: Double) -> String { "\(short(seconds * 1000)) ms" }

    private func operation(_ app: AppStatus, _ detail: DeployDetail?) -> HTML {
        guard let operation = app.operation else { return "" }
        let what = operation.deploy.map { "\(operation.kind.rawValue) \($0)" } ?? operation.kind.rawValue
        return """
            <div class="operation"><p>Now: <b>\(what)</b>, step <b>\(operation.step)</b>, by \(operation.by)</p>\
            \(detail.map { Self.steps($0) } ?? "")</div>
            """
    }

    /// One deploy's own page.
    static func deploy(_ detail: DeployDetail, _ lines: [String]) -> Section {
        let summary = detail.summary
        let commit = detail.commit.map { "<p>Commit \($0.id), \($0.author): \($0.subject)</p>" as HTML } ?? ""
        return Section(
            "deploy",
            """
            <section id="deploy" class="app" aria-label="Deploy" data-news="deploy \(summary.number.rawValue): \(summary.state)">\
            <p>State <b class="state \(summary.state)">\(summary.state)</b>, \
            by \(summary.by ?? "-"), from \(detail.previous ?? "nothing") to \(summary.release ?? "-")</p>\(commit)\
            \(detail.failure.map { failure($0) } ?? "")<h2>Steps</h2>\(steps(detail))\
            <h2>Log</h2>\(output(lines.suffix(DeployLog.mostLines), "Log"))</section>
            """)
    }

    static func steps(_ detail: DeployDetail) -> HTML {
        let rows: [HTML] = detail.steps.map { step in
            let time = step.seconds.map { ", \(short($0)) s" } ?? ""
            return "<li class=\"\(step.state)\">\(step.step): \(step.state)\(time)</li>"
        }
        return "<ol class=\"steps\">\(rows)</ol>"
    }

    private func failure(_ app: AppStatus) -> HTML { app.lastFailure.map { Self.failure($0) } ?? "" }

    static func failure(_ failure: FailureReport) -> HTML {
        let output = Self.output(failure.outputTail.suffix(30), "Output")
        return """
            <div class="failure" role="group" aria-label="Failure"><p><b>Failed: \(failure.step)</b>: \(failure.summary)</p>\
            \(failure.hint.map { "<p>Hint: \($0)</p>" as HTML } ?? "")\
            \(output)</div>
            """
    }

    static func output(_ lines: some Collection<String>, _ title: String) -> HTML {
        lines.isEmpty
            ? "" : "<pre tabindex=\"0\" aria-label=\"\(title)\">\(lines.joined(separator: "\n"))</pre>"
    }

    /// A bar for each generation, as long as its part of the requests of the last seconds.
    private func traffic(_ app: AppStatus, _ state: DashboardState) -> HTML {
        guard !app.generations.isEmpty else { return "" }
        let rates = app.generations.map { state.figures[.init(app: app.name, generation: $0.number)]?.perSecond ?? 0 }
        let all = rates.reduce(0, +)
        let bars: [HTML] = zip(app.generations, rates).enumerated().map { index, pair in
            let (generation, rate) = pair
            let part = all > 0 ? Int((rate / all * 100).rounded()) : generation.state == .live ? 100 : 0
            let y = index * 26
            let name = "generation \(generation.number.rawValue) (\(generation.state.rawValue)): \(part) %"
            return """
                <rect class="track" x="0" y="\(y)" width="400" height="20" rx="3"/>\
                <rect class="bar \(generation.state.rawValue)" x="0" y="\(y)" width="\(part * 4)" height="20" rx="3"/>\
                <text x="8" y="\(y + 15)">\(name)</text>
                """
        }
        return """
            <svg class="traffic" role="img" aria-label="Where requests go" viewBox="0 0 400 \(app.generations.count * 26)">\
            \(bars)</svg>
            """
    }

    private func generations(_ app: AppStatus, _ state: DashboardState) -> HTML {
        let rows: [HTML] = app.generations.map { generation in
            let figures = state.figures[.init(app: app.name, generation: generation.number)]
            return """
                <tr><th scope="row">\(generation.number.rawValue)</th><td>\(generation.release ?? "in place")</td>\
                <td>\(generation.state.rawValue)</td><td>\(generation.workers.count) of \(generation.target)</td>\
                <td>\(Self.words(figures))</td><td>\(generation.memory.map { "\($0.pssBytes >> 20) MB" } ?? "-")</td></tr>
                """
        }
        let workers: [HTML] = app.generations.flatMap { generation in
            generation.workers.prefix(64).map { worker -> HTML in
                """
                <tr><th scope="row">\(worker.number.rawValue)</th><td>\(generation.number.rawValue)</td>\
                <td>\(worker.pid.map { "\($0)" } ?? "-")</td><td>\(worker.state)</td><td>\(worker.requestsNow)</td>\
                <td>\(worker.requestsTotal)</td><td>\(worker.memory.map { "\($0.pssBytes >> 20) MB" } ?? "-")</td></tr>
                """
            }
        }
        return """
            <table><caption>Generations</caption><thead><tr><th scope="col">Number</th><th scope="col">Release</th>\
            <th scope="col">State</th><th scope="col">Workers</th><th scope="col">Traffic</th><th scope="col">Memory</th></tr>\
            </thead><tbody>\(rows)</tbody></table><details id="workers-\(app.name.rawValue)"><summary>Workers</summary>\
            <table><caption>Workers</caption><thead><tr><th scope="col">Worker</th><th scope="col">Generation</th>\
            <th scope="col">Process</th><th scope="col">State</th><th scope="col">Requests now</th><th scope="col">Total</th>\
            <th scope="col">Memory</th></tr></thead><tbody>\(workers)</tbody></table></details>
            """
    }

    private func buttons(_ app: AppStatus) -> HTML {
        var buttons: [HTML] = []
        if standing.allows(.deploy, app.name) {
            if app.mode == .deployRoot { buttons.append(button(app.name, "rollback", "Roll back")) }
            buttons.append(button(app.name, "restart", "Restart"))
        }
        if standing.allows(.operate, app.name) {
            buttons.append(
                app.pausedSince == nil ? button(app.name, "pause", "Pause") : button(app.name, "resume", "Resume"))
        }
        return buttons.isEmpty ? "" : "<div class=\"buttons\">\(buttons)</div>"
    }

    private func button(_ app: AppName, _ deed: String, _ title: String) -> HTML {
        """
        <form method="post" action="/dashboard/apps/\(app.rawValue)/\(deed)">\
        <input type="hidden" name="secret" value="\(formSecret)">\
        <button id="\(deed)-\(app.rawValue)">\(title)<span class="unseen"> \(app.rawValue)</span></button></form>
        """
    }

    private func history(_ app: AppStatus, _ deploys: [DeploySummary]) -> HTML {
        guard !deploys.isEmpty else { return "" }
        let rows: [HTML] = deploys.map { deploy in
            """
            <tr><th scope="row"><a href="/dashboard/apps/\(app.name.rawValue)/deploys/\(deploy.number.rawValue)">\
            \(deploy.number.rawValue)</a></th><td>\(deploy.release ?? deploy.ref ?? "-")</td><td>\(deploy.state)</td>\
            <td>\(deploy.by ?? "-")</td><td>\(deploy.startedAt.map { "\($0)" } ?? "-")</td><td>\(deploy.reason ?? "")</td></tr>
            """
        }
        return """
            <table class="deploys"><caption>Deploys</caption><thead><tr><th scope="col">Number</th>\
            <th scope="col">Release</th><th scope="col">State</th><th scope="col">By</th><th scope="col">Began</th>\
            <th scope="col">Reason</th></tr></thead><tbody>\(rows)</tbody></table>
            """
    }
}
