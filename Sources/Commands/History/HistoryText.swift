import AdminAPI
import Model
import Terminal

/// Releases and deploys as tables.
struct HistoryText: Sendable {
    let traits: TerminalTraits

    func releases(_ releases: [ReleaseSummary]) -> [String] {
        var table = Table([
            .init("N", .right), .init("RELEASE"), .init("STATE"), .init("MADE"), .init("REF"), .init("SUBJECT"),
        ])
        for release in releases {
            let style: Style = release.isLive ? .good : release.isRollbackTarget ? .strong : .plain
            let state = release.isRollbackTarget ? "\(release.state), rollback target" : release.state
            table.add([
                StyledText("\(release.number)"), StyledText(release.name, style), StyledText(state, style),
                StyledText(HistoryText.time(release.createdAt)), StyledText(release.ref ?? ""),
                StyledText(release.subject ?? ""),
            ])
        }
        return table.lines(traits)
    }

    func deploys(_ deploys: [DeploySummary]) -> [String] {
        var table = Table([
            .init("N", .right), .init("STATE"), .init("BEGAN"), .init("TOOK", .right), .init("REF"),
            .init("COMMIT"), .init("BY"), .init("REASON"),
        ])
        for deploy in deploys {
            let revision = deploy.revision.map { String($0.prefix(10)) }
            table.add([
                StyledText("\(deploy.number)"), StyledText(deploy.state, HistoryText.style(deploy.state)),
                StyledText(HistoryText.time(deploy.startedAt)), StyledText(HistoryText.took(deploy)),
                StyledText(deploy.ref ?? ""), StyledText(revision ?? ""), StyledText(deploy.by ?? ""),
                StyledText(deploy.reason ?? ""),
            ])
        }
        return table.lines(traits)
    }

    func deploy(_ detail: DeployDetail) -> [String] {
        let summary = detail.summary
        let state = HistoryText.style(summary.state).applied(to: summary.state, traits)
        var lines = ["Deploy \(summary.number): \(state)"]
        let facts = [
            ("by", HistoryText.asker(detail)), ("pipeline", detail.requester?.link),
            ("from", detail.previous ?? (summary.release == nil ? nil : "nothing: the first release")),
            ("to", summary.release), ("ref", summary.ref), ("commit", summary.revision),
            ("author", detail.commit?.author), ("subject", detail.commit?.subject), ("source", detail.repository),
            ("began", summary.startedAt.map { HistoryText.time($0) }), ("took", HistoryText.took(summary)),
        ]
        for case (let name, let value?) in facts where !value.isEmpty {
            lines.append("  \(name.padded(to: 10))\(value.showable)")
        }
        if !detail.steps.isEmpty {
            var table = Table([.init("STEP"), .init("STATE"), .init("BEGAN"), .init("TOOK", .right)])
            for step in detail.steps {
                let took = step.seconds.map { HumanFormat.duration(seconds: $0) } ?? ""
                table.add([
                    StyledText(step.step), StyledText(step.state, HistoryText.style(step.state)),
                    StyledText(HistoryText.clock(step.startedAt)), StyledText(took),
                ])
            }
            lines += table.lines(traits, indent: 2)
        }
        if let failure = detail.failure {
            lines += Explanation(failure, headline: "deploy \(summary.number) failed").lines(traits)
        }
        return lines
    }

    private static func style(_ state: String) -> Style {
        switch state {
        case "live", "stable", "done": .good
        case "failed", "aborted", "withdrawn", "unknown": .bad
        case "rolled_back", "rolledBack", "interrupted": .warning
        default: .plain
        }
    }

    /// `ann: passenger deploy v2`, and who started the pipeline.
    private static func asker(_ detail: DeployDetail) -> String? {
        guard let requester = detail.requester else { return detail.summary.by }
        let actor = Pipeline.actor(requester.ci).map { " (pipeline of \($0))" } ?? ""
        return "\(requester.user ?? "uid \(requester.uid)"): \(requester.command)\(actor)"
    }

    private static func clock(_ time: WallTime?) -> String { String(HistoryText.time(time).suffix(8)) }

    /// To the second, in UTC.
    private static func time(_ time: WallTime?) -> String {
        guard let time else { return "" }
        return String(time.description.prefix(19)).replacing("T", with: " ")
    }

    private static func took(_ deploy: DeploySummary) -> String {
        guard let start = deploy.startedAt, let end = deploy.finishedAt, end >= start else { return "" }
        return HumanFormat.duration(seconds: (end - start).inSeconds)
    }
}
