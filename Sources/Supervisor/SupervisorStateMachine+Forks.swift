package import Model

/// A worker that a preloader was asked for and that has not shown yet. It is in no table: until then nobody knows its pid.
struct PendingFork: Equatable {
    var request: ForkRequest
    /// Pid.
    var preloader: Int32
    var coreNumber: UInt32
}

/// What the kernel says of a process that says to be a forked worker.
package struct Newcomer: Sendable, Equatable {
    package var pid: Int32
    /// Only our own children can be waited for, and their pids are nobody else's until then.
    package var isOurChild: Bool
    /// Signals go to the group that it leads.
    package var leadsGroup: Bool
    /// Runs as the user of its preloader.
    package var hasUserOfPreloader: Bool
    package var startTime: UInt64

    package init(pid: Int32, isOurChild: Bool, leadsGroup: Bool, hasUserOfPreloader: Bool, startTime: UInt64) {
        self.pid = pid
        self.isOurChild = isOurChild
        self.leadsGroup = leadsGroup
        self.hasUserOfPreloader = hasUserOfPreloader
        self.startTime = startTime
    }
}

extension SupervisorStateMachine {
    /// To be asked of `preloader`, a pid, under this ticket. The tag must have passed `refusal(of:)`.
    package mutating func forkRequested(
        _ request: ForkRequest
    ) throws(Refusal) -> (ticket: UInt64, preloader: Int32) {
        guard let number = runningCore?.number, let row = row(request.preloader, of: number),
            row.entry.role == .preloader
        else { throw Refusal(reason: "\(request.preloader) is no running preloader") }
        lastTicket += 1
        forks[lastTicket] = PendingFork(request: request, preloader: row.entry.pid, coreNumber: number)
        return (lastTicket, row.entry.pid)
    }

    /// `preloader`: on whose socket it came.
    package mutating func forkFailed(ticket: UInt64, preloader: Int32, reason: String) -> [Action] {
        // Given up meanwhile, or not its own: nothing that it says of others counts.
        guard let fork = forks[ticket], fork.preloader == preloader else { return [] }
        return giveUp(ticket, reason)
    }

    package mutating func forkBorn(ticket: UInt64, preloader: Int32, _ newcomer: Newcomer) -> [Action] {
        guard newcomer.isOurChild, newcomer.leadsGroup, newcomer.hasUserOfPreloader, !isGroupLeader(newcomer.pid)
        else { return preloaderIsUnusable(preloader, reason: "pid \(newcomer.pid) is no worker that it forked") }
        guard let fork = forks[ticket], fork.preloader == preloader else { return [.endStray(pid: newcomer.pid)] }
        forks[ticket] = nil
        let entry = ChildEntry(
            tag: fork.request.tag, role: .worker, pid: newcomer.pid, startTime: newcomer.startTime,
            title: fork.request.title)
        // Born where its preloader is.
        table[newcomer.pid] = Row(
            entry: entry, coreNumber: fork.coreNumber, controlGroup: table[preloader]?.controlGroup)
        return [.keepForked(pid: newcomer.pid, ticket: ticket), .send(.spawned(entry))]
    }

    /// What it says cannot be true or understood. Its end refuses what it was asked for.
    package func preloaderIsUnusable(_ pid: Int32, reason: String) -> [Action] {
        guard let row = table[pid] else { return [] }
        return [
            .log("\(row.entry.title) (pid \(pid)) is killed: \(reason)"), .signalGroup(pid: pid, signal: Signal.kill),
        ]
    }

    /// The core hears of it, and the process is killed if it shows after all.
    mutating func giveUp(_ ticket: UInt64, _ reason: String) -> [Action] {
        guard let fork = forks.removeValue(forKey: ticket) else { return [] }
        let answer: [Action] =
            fork.coreNumber == runningCore?.number ? [.send(.spawnRefused(tag: fork.request.tag, reason: reason))] : []
        return [.forgetFork(ticket: ticket)] + answer
    }

    mutating func giveUpForks(
        _ reason: String, where matches: (PendingFork) -> Bool = { _ in true }
    ) -> [Action] {
        forks.filter { matches($0.value) }.keys.sorted().flatMap { giveUp($0, reason) }
    }

    func pendingFork(_ tag: ChildTag, of core: UInt32) -> UInt64? {
        forks.first { $0.value.request.tag == tag && $0.value.coreNumber == core }?.key
    }
}
