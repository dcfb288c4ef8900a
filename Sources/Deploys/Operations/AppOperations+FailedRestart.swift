import Model
import Pool

extension AppOperations {
    /// In development whoever has made the mistake is told of it where he looks: in the browser. Everywhere else the version before
    /// serves on, and the operation says why.
    func showFailedRestart(_ outcome: OperationOutcome, _ run: OperationRun) {
        guard run.ticket.request.kind == .restart, outcome.result == .failed, let failure = outcome.failure,
            parts.builder == nil, let live = live?.settings, live.environment == "development", live.friendlyErrorPages
        else { return }
        parts.host?.restartFailed(failure.boot ?? BootFailure(failure, step: outcome.failedStep))
        run.ticket.log.append(.notice(.info, "until a restart succeeds, requests are answered with the reason"))
    }
}

extension BootFailure {
    /// Of a restart that did not get as far as a boot: a configuration that cannot be read.
    init(_ failure: DeployFailure, step: DeployStep?) {
        self.init(
            step: step?.name ?? failure.code.name, summary: failure.summary, details: failure.details,
            outputTail: failure.outputTail, hint: failure.hint)
    }
}
