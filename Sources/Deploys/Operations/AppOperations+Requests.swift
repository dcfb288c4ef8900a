import Logging
package import Model
import Pool

extension AppOperations {
    /// Accepts a deploy, or names whoever was first. Everything else is in the handle's events.
    ///
    /// `replacingQueued`: it waits for what runs, and of those that wait for it only the latest is done.
    package func deploy(
        _ request: DeployRequest, replacingQueued: Bool = false
    ) async throws(OperationRefusal) -> OperationHandle {
        try await accept(deploy: .deploy(request), replacingQueued: replacingQueued)
    }

    /// Goes on with a deploy that the end of a server interrupted, or one that was left pending.
    package func resume(_ number: DeployNumber, by requester: Requester) async throws(OperationRefusal)
        -> OperationHandle
    {
        await loadOnce()
        guard let record = records[number] else { throw .noSuchDeploy(number) }
        do throws(DeployFailure) { try ledger.checkResumable(record) } catch { throw .invalid(error) }
        return try await accept(deploy: .resume(number, requester), replacingQueued: false)
    }

    private func accept(
        deploy request: OperationRequest, replacingQueued: Bool
    ) async throws(OperationRefusal) -> OperationHandle {
        guard parts.builder != nil else { throw .notADeployRoot }
        await loadOnce()
        if isShuttingDown { throw .shuttingDown }
        if let freeze = liveRecord.lock { throw .frozen(freeze) }
        let ticket = makeTicket(request)
        guard let run else { return try begin(ticket) }
        if replacingQueued {
            closeQueued(.deploy, "a later deploy took its place in the queue")
        } else {
            // A restart is short: wait for it. Anything else is somebody's deploy.
            guard run.ticket.request.kind == .restart, !waiting.contains(where: { $0.request.kind != .restart })
            else { throw .busy(summary(of: run)) }
        }
        waiting.append(ticket)
        return ticket.handle()
    }

    private func closeQueued(_ kind: OperationKind, _ reason: String) {
        for ticket in waiting where ticket.request.kind == kind {
            close(ticket, OperationOutcome(.aborted, summary: reason))
        }
        waiting.removeAll { $0.request.kind == kind }
    }

    /// Pre-empts whatever runs: before a deploy's switch that is its abort, in its bake the switch back.
    package func rollback(_ request: RollbackRequest) async throws(OperationRefusal) -> OperationHandle {
        guard parts.builder != nil else { throw .notADeployRoot }
        await loadOnce()
        if isShuttingDown { throw .shuttingDown }
        var ticket = makeTicket(.rollback(request))
        guard let run else { return try begin(ticket) }
        let isSecond = waiting.contains { $0.request.kind == .rollback }
        if run.ticket.request.kind == .rollback || isSecond { throw .busy(summary(of: run)) }
        ticket.stopped = run.deploy
        closeQueued(.deploy, "a rollback was asked for: what waited to be deployed is not")
        ticket.log.append(
            .notice(.info, "stopping the \(run.ticket.request.kind.rawValue) of \(run.ticket.request.requester)"))
        waiting.append(ticket)
        feed(.stop(by: "rollback of \(request.requester)"))
        return ticket.handle()
    }

    /// One runs, one is pending, the latest wins. During a deploy that has not booted yet, the deploy is the restart.
    package func restart(_ request: RestartRequest) async throws(OperationRefusal) -> OperationHandle {
        await loadOnce()
        if isShuttingDown { throw .shuttingDown }
        if isHolding(.restart(request)) { return wait(for: request) }
        guard let current = run else {
            guard waiting.contains(where: { $0.request.kind == .restart }) else {
                return try begin(makeTicket(.restart(request)))
            }
            // One that was left to the next core comes with it.
            defer { beginNext() }
            return wait(for: request)
        }
        if let deploy = current.deploy, !current.machine.hasReadSettings {
            run?.joinedRestart = request
            return current.ticket.handle(deploy: deploy)
        }
        return wait(for: request)
    }

    private func wait(for request: RestartRequest) -> OperationHandle {
        if let index = waiting.firstIndex(where: { $0.request.kind == .restart }) {
            // Whoever asked this core waits for its answer, whatever comes after it.
            if !isLeavable(.restart(request)) || isLeavable(waiting[index].request) {
                waiting[index].request = .restart(request)
            }
            return waiting[index].handle()
        }
        let ticket = makeTicket(.restart(request))
        waiting.append(ticket)
        return ticket.handle()
    }

    // MARK: Before another core takes over

    /// Begins nothing any more that the next core sees by itself, or there might be no moment without work.
    package func hold() { isHolding = true }

    /// No other core comes.
    package func holdNoMore() {
        isHolding = false
        beginNext()
    }

    func isLeavable(_ request: OperationRequest) -> Bool {
        if case .restart(let restart) = request { restart.isSeenByTheNextCore } else { false }
    }

    func isHolding(_ request: OperationRequest) -> Bool { isHolding && isLeavable(request) }

    /// Asks the running deploy to stop; the handle's outcome tells when it has.
    package func abort(_ number: DeployNumber?, by requester: Requester) throws(OperationRefusal) -> OperationHandle {
        guard let run, let deploy = run.deploy, number == nil || number == deploy else {
            throw .noSuchDeploy(number ?? DeployNumber(0))
        }
        feed(.stop(by: "\(requester)"))
        return run.ticket.handle(deploy: deploy)
    }

    /// What a person has seen is enough: a canary gets everything, the switch is made, the bake is over. Before any of these
    /// it is taken for the wait that comes.
    package func approve(
        _ number: DeployNumber, by requester: Requester
    ) throws(OperationRefusal) -> OperationHandle {
        guard let run, run.deploy == number else { throw .noSuchDeploy(number) }
        run.ticket.log.append(.notice(.info, "approved by \(requester)"))
        let handle = run.ticket.handle(deploy: number)
        feed(.approve)
        return handle
    }

    /// A deploy of this core's life, running or over, to follow from its start.
    package func attach(_ number: DeployNumber?) throws(OperationRefusal) -> OperationHandle {
        if let run, let deploy = run.deploy, number == nil || number == deploy {
            return run.ticket.handle(deploy: deploy)
        }
        if let number, let handle = finished.last(where: { $0.deploy == number }) { return handle }
        throw .noSuchDeploy(number ?? DeployNumber(0))
    }

    package func attach(operation: OperationNumber) -> OperationHandle? {
        if let run, run.ticket.number == operation { return run.ticket.handle(deploy: run.deploy) }
        if let ticket = waiting.first(where: { $0.number == operation }) { return ticket.handle() }
        return finished.last { $0.operation == operation }
    }

    // MARK: Beginning

    /// Nothing else runs.
    func begin(_ ticket: OperationTicket) throws(OperationRefusal) -> OperationHandle {
        let run = try makeRun(ticket)
        try takeLock(ticket)
        parts.journal?.restoreReserve()
        self.run = run
        parts.logger.info("\(ticket.request.kind.rawValue) begins", metadata: ["by": "\(ticket.request.requester)"])
        switch ticket.request {
        case .deploy(let request):
            tellTakeover(ticket.log)
            openRecord(request)
        case .resume(let number, _): reopenRecord(number)
        case .rollback, .restart: break
        }
        let handle = ticket.handle(deploy: self.run?.deploy)
        feed(.begin)
        return handle
    }

    private func makeRun(_ ticket: OperationTicket) throws(OperationRefusal) -> OperationRun {
        let now = parts.now()
        switch ticket.request {
        case .deploy(let request):
            let plan: OperationPlan = parts.host == nil ? .preparationOnly : .deploy(bake: request.bake ?? .zero)
            return OperationRun(ticket: ticket, plan: plan, now: now)
        case .resume(let number, _):
            return resumedRun(ticket, number, now)
        case .restart:
            guard parts.host != nil, live != nil || parts.builder == nil else {
                throw .invalid(
                    DeployFailure(.noTarget, "nothing is live yet", hint: "`passenger deploy` makes the first release"))
            }
            var run = OperationRun(ticket: ticket, plan: .restart, now: now)
            run.release = live?.release
            return run
        case .rollback(let request):
            return try rollbackRun(ticket, request, now)
        }
    }

    /// What was sealed is not built again; what was not is begun anew, from the commit that it had found, unless its build goes on.
    private func resumedRun(_ ticket: OperationTicket, _ number: DeployNumber, _ now: Instant) -> OperationRun {
        let isSealed = records[number]?.isSealed ?? false
        let bake = records[number]?.request.bake ?? .zero
        let goesOn = number == continuing
        let plan: OperationPlan =
            if isSealed {
                .resume(bake: bake, isProved: goesOn)
            } else if goesOn {
                .resumeBuild(bake: bake)
            } else {
                parts.host == nil ? .preparationOnly : .deploy(bake: bake)
            }
        var run = OperationRun(ticket: ticket, plan: plan, now: now)
        run.deploy = number
        run.commit = records[number]?.commit
        if isSealed || goesOn { run.release = records[number]?.release }
        return run
    }

    private func rollbackRun(
        _ ticket: OperationTicket, _ request: RollbackRequest, _ now: Instant
    ) throws(OperationRefusal) -> OperationRun {
        guard parts.host != nil else {
            throw .invalid(DeployFailure(.noTarget, "no server is running: there is no traffic to switch back"))
        }
        let target: DeployRecord
        do throws(DeployFailure) {
            target = try ledger.rollbackTarget(request.target, force: request.force)
        } catch { throw .invalid(error) }
        if let standby, standby.code.release?.label.number == target.number {
            let plan = OperationPlan.warmRollback(standby.code.generation, now: request.now)
            var run = OperationRun(ticket: ticket, plan: plan, now: now)
            run.release = standby.code.release
            run.settings = standby.code.settings
            return run
        }
        var run = OperationRun(ticket: ticket, plan: .coldRollback, now: now)
        run.release = target.release
        return run
    }

    private func openRecord(_ request: DeployRequest) {
        let number = DeployNumber(highestNumber.rawValue + 1)
        highestNumber = number
        run?.deploy = number
        var record = DeployRecord(number: number, request: request, requestedAt: parts.date())
        record.previous = live?.release ?? liveRecord.live
        save(record)
    }

    private func reopenRecord(_ number: DeployNumber) {
        change(number) { record in
            if number != continuing { record.closeSteps(at: parts.date()) }
            record.state = record.reached
            record.failure = nil
            record.failedStep = nil
            record.finishedAt = nil
        }
    }

    private func takeLock(_ ticket: OperationTicket) throws(OperationRefusal) {
        guard let lock = parts.lock else { return }
        let holder: String?
        do {
            holder = try lock.take(holder: "\(ticket.request.kind.rawValue) by \(ticket.request.requester)")
        } catch {
            // A lock file that cannot be made (full disk, lost directory) must not keep a rollback from happening.
            parts.logger.warning("the operation lock could not be taken", metadata: ["error": "\(error)"])
            return
        }
        if let holder { throw .locked(holder: holder) }
    }

    /// Rollbacks first; a restart before a deploy, because it is short.
    func beginNext() {
        let order: [OperationKind] = [.rollback, .restart, .deploy]
        for kind in order {
            guard run == nil,
                let index = waiting.firstIndex(where: { $0.request.kind == kind && !isHolding($0.request) })
            else { continue }
            let ticket = waiting.remove(at: index)
            if isAnswered(ticket) { continue }
            do throws(OperationRefusal) { _ = try begin(ticket) } catch {
                close(ticket, OperationOutcome(.failed, summary: error.description))
            }
        }
    }

    /// A rollback that stopped a deploy has done what was asked, unless it names another release.
    private func isAnswered(_ ticket: OperationTicket) -> Bool {
        guard case .rollback(let request) = ticket.request, let stopped = ticket.stopped else { return false }
        // If it is live all the same (it was stable by then, or the old one was gone), there is still a rollback to do.
        guard let record = records[stopped], live?.release?.label.number != stopped else { return false }
        let liveNumber = liveRecord.live?.label.number
        guard request.target == nil || request.target == liveNumber else { return false }
        let name = liveRecord.live?.label.name
        let what = record.state == .rolledBack ? "was switched back from" : "was stopped before it was live"
        close(
            ticket,
            OperationOutcome(
                .done, summary: "deploy \(stopped) \(what); live is \(name ?? "nothing")", deploy: stopped,
                liveRelease: name, switchNanoseconds: record.switchNanoseconds))
        return true
    }
}
