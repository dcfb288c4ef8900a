package import Model
package import Pool

// Where secrets would leave this room: events, the journal, the last failure.

extension OperationEvent {
    func masked(_ mask: SecretMask) -> OperationEvent {
        switch self {
        case .stepStarted(let step, let title): .stepStarted(step: step, title: mask.masked(title))
        case .output(let step, let line): .output(step: step, line: mask.masked(line))
        case .stepFinished(let step, let nanoseconds, let failure):
            .stepFinished(step: step, nanoseconds: nanoseconds, failure: mask.masked(failure))
        case .notice(let level, let text): .notice(level, mask.masked(text))
        case .finished(let outcome): .finished(outcome.masked(mask))
        case .progress, .switched, .skipped: self
        }
    }
}

extension OperationOutcome {
    func masked(_ mask: SecretMask) -> OperationOutcome {
        var outcome = self
        outcome.summary = mask.masked(summary)
        outcome.failure = failure?.masked(mask)
        return outcome
    }
}

extension DeployFailure {
    package func masked(_ mask: SecretMask) -> DeployFailure {
        var failure = self
        failure.summary = mask.masked(summary)
        failure.details = mask.masked(details)
        failure.hint = mask.masked(hint)
        failure.outputTail = mask.masked(outputTail)
        failure.boot = boot?.masked(mask)
        return failure
    }
}

extension BootFailure {
    package func masked(_ mask: SecretMask) -> BootFailure {
        var failure = self
        failure.summary = mask.masked(summary)
        failure.details = mask.masked(details)
        failure.hint = mask.masked(hint)
        failure.outputTail = mask.masked(outputTail)
        return failure
    }
}

extension DeployRecord {
    func masked(_ mask: SecretMask) -> DeployRecord {
        var record = self
        record.failure = failure?.masked(mask)
        for index in record.steps.indices {
            record.steps[index].title = mask.masked(record.steps[index].title)
            record.steps[index].output = mask.masked(record.steps[index].output)
        }
        return record
    }

    /// As it is written down: URLs only as far as they are no secret.
    func withoutCredentials() -> DeployRecord {
        var record = self
        record.repository = repository.map(SecretMask.withoutCredentials)
        record.request.repository = request.repository.map(SecretMask.withoutCredentials)
        record.settings?.deploy.repo = settings?.deploy.repo.map(SecretMask.withoutCredentials)
        return record
    }
}

extension LiveRecord {
    func withoutCredentials() -> LiveRecord {
        var record = self
        record.settings?.deploy.repo = settings?.deploy.repo.map(SecretMask.withoutCredentials)
        return record
    }
}
