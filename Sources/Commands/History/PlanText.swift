import AdminAPI
import Model
import Terminal

/// What `deploy --dry-run` prints.
struct PlanText: Sendable {
    let traits: TerminalTraits

    func lines(_ plan: DeployPlan) -> [String] {
        var lines = ["Deploy \(plan.deploy) of \(plan.app), if it were begun now:"]
        let workers =
            plan.workers.map { ", \($0) \($0 == 1 ? "worker" : "workers")" } ?? ", left pending: no server runs"
        let facts = [
            ("from", plan.from ?? "nothing: the first release"), ("source", plan.repository), ("ref", plan.ref),
            ("commit", plan.revision), ("author", plan.author), ("subject", plan.subject),
            ("strategy", plan.strategy + workers), ("bake", HumanFormat.duration(seconds: plan.bakeSeconds)),
        ]
        for (name, value) in facts where !value.isEmpty { lines.append("  \(name.padded(to: 10))\(value.showable)") }
        lines.append("")
        for (index, step) in plan.steps.enumerated() {
            lines.append("  \("\(index + 1).".padded(to: 4))\(step.title)")
            lines += step.commands.map { "        $ \($0.showable)" }
        }
        if !plan.notes.isEmpty { lines.append("") }
        lines += plan.notes.map { "  note: \($0.showable)" }
        for obstacle in plan.obstacles {
            lines.append("  " + Style.bad.applied(to: "would not go: \(obstacle.summary.showable)", traits))
            if let hint = obstacle.hint { lines.append("    hint: \(hint.showable)") }
        }
        return lines
    }
}
