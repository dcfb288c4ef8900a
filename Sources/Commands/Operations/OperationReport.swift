import AdminAPI
import ArgumentParser
import Model
import Terminal

/// The last words about an operation, and its exit status.
struct OperationReport: Sendable {
    let context: CommandContext
    let accepted: OperationAccepted

    func tell(_ result: OperationResult) throws {
        let status = result.exitStatus
        if !context.global.json {
            if status == 0 {
                context.console.line(success(result))
            } else {
                let headline = result.summary ?? failure(result.outcome)
                let explanation = result.failure.map { Explanation($0, headline: headline) }
                context.console.report(explanation ?? Explanation(headline: headline))
            }
        }
        if status != 0 { throw ExitCode(status) }
    }

    private var name: String { accepted.deploy.map { "deploy \($0)" } ?? accepted.operation.rawValue }

    private func success(_ result: OperationResult) -> String {
        let traits = context.console.output
        let text = result.summary ?? self.text(result)
        return Style.good.applied(to: text, traits) + timing(result)
    }

    private func text(_ result: OperationResult) -> String {
        switch result.outcome {
        case .pending: "\(name) is built and sealed; passenger start will serve it"
        case .restarted: "\(accepted.app) was restarted"
        default: "\(result.release ?? name) is live"
        }
    }

    private func timing(_ result: OperationResult) -> String {
        var parts: [String] = []
        if let seconds = result.seconds { parts.append("took \(HumanFormat.duration(seconds: seconds))") }
        if let switching = result.switchMilliseconds {
            parts.append("switch \(HumanFormat.duration(seconds: switching / 1000))")
        }
        return parts.isEmpty ? "" : " (\(parts.joined(separator: ", ")))"
    }

    private func failure(_ outcome: OperationOutcome) -> String {
        switch outcome {
        case .rolledBack: "\(name) was switched to, and switched back from"
        case .aborted: "\(name) was aborted"
        case .interrupted: "\(name) was interrupted by the end of the server"
        default: "\(name) failed; what was live stays live"
        }
    }
}
