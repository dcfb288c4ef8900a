import Model
import Pool

/// Names one process of a companion among all that there were. Never reused.
typealias CompanionSerial = UInt64

/// Which companions of one app run: those of the live generation, and no other's. No clock, no I/O.
///
/// **The rule**: a crew starts when every process of the crew before it has ended (or cannot even be killed), so no two
/// versions work on one queue, and a scheduler never runs twice. What is lost by it is the time that the slowest of the
/// old ones takes to stop, at most its `stop_timeout`; what is quieted before a switch stops soon.
struct CompanionStateMachine: Sendable {
    enum Event: Sendable, Equatable {
        /// Traffic was switched to this code, or switched back to it, or it serves at last.
        case live(CompanionCrew)
        /// A switch is about to be made; `live` or `switchFailed` follows.
        case quiet
        /// The quiet ones are of use no more: they are started again.
        case switchFailed
        case spawned(CompanionSerial, pid: Int32)
        case ended(CompanionSerial, CompanionEnd)
        case timePassed
        /// For good. A second one may shorten the time.
        case shutDown(within: Duration)
    }

    enum Action: Sendable, Equatable {
        /// Answered by `spawned` or `ended`.
        case start(CompanionSerial, CompanionID, CompanionCrew)
        /// To the leader.
        case signal(CompanionSerial, Int32)
        /// The whole group.
        case kill(CompanionSerial)
        case tell(CompanionEvent)
        /// After `shutDown`, once.
        case allGone
    }

    /// Deaths in a row, each soon after the start, that are no accident any more.
    static let deathLimit = 3
    /// What a killed process may take to be gone. Longer than that it hangs in the kernel and runs no code.
    static let killPatience = Duration.seconds(10)

    private let policy: BackOffPolicy
    private var random: SplitMix64
    private var lastSerial: CompanionSerial = 0
    private(set) var crew: CompanionCrew?
    /// Waits for the last process of `crew` to end.
    private(set) var next: CompanionCrew?
    private(set) var members: [CompanionMember] = []
    private(set) var isShuttingDown = false
    private var hasSaidGone = false

    init(policy: BackOffPolicy = BackOffPolicy(), seed: UInt64) {
        self.policy = policy
        random = SplitMix64(seed: seed)
    }

    mutating func handle(_ event: Event, now: Instant) -> [Action] {
        var actions: [Action] = []
        switch event {
        case .live(let crew):
            guard !isShuttingDown else { return [] }
            next = crew
            for index in members.indices { actions += end(index, now) }
        case .quiet:
            for index in members.indices { actions += quiet(index) }
        case .switchFailed:
            // While others take their place, or none will, the quiet ones are on their way out already.
            guard next == nil, !isShuttingDown else { return [] }
            for index in members.indices where members[index].isQuiet { actions += revive(index, now) }
        case .spawned(let serial, let pid):
            guard let index = members.firstIndex(where: { $0.state.serial == serial }) else { return [] }
            members[index].state.spawned(pid)
            actions = [.tell(.started(members[index].id, pid: pid))]
        case .ended(let serial, let end):
            guard let index = members.firstIndex(where: { $0.state.serial == serial }) else { return [] }
            actions = ended(index, end, now)
        case .timePassed:
            for index in members.indices { actions += timePassed(index, now) }
        case .shutDown(let limit):
            isShuttingDown = true
            next = nil
            for index in members.indices {
                actions += end(index, now)
                members[index].state.hurry(now + limit)
            }
        }
        return actions + settle(now)
    }

    func snapshot(now: Instant) -> [CompanionSnapshot] {
        members.filter { $0.state != .over }.map { member in
            CompanionSnapshot(
                id: member.id, state: member.shown, pid: member.state.pid, release: crew?.release,
                age: member.state.since.map { now - $0 } ?? .zero, restarts: member.restarts, lastEnd: member.lastEnd,
                isFailing: isFailing(member, now))
        }
    }

    private func isFailing(_ member: CompanionMember, _ now: Instant) -> Bool {
        guard member.backOff.failures >= Self.deathLimit else { return false }
        if case .running(_, _, let since) = member.state { return now - since < policy.youngAge }
        return true
    }

    // MARK: One member

    private mutating func quiet(_ index: Int) -> [Action] {
        let member = members[index]
        guard let signal = member.settings.quietSignal, !member.isQuiet else { return [] }
        switch member.state {
        case .over, .ending: return []
        case .waiting:
            members[index].isQuiet = true
            return []
        case .starting(let serial, _), .running(let serial, _, _):
            members[index].isQuiet = true
            return [.signal(serial, signal), .tell(.quieted(member.id))]
        }
    }

    /// What was told to be quiet cannot be told to go on; it is replaced by another of its own kind.
    private mutating func revive(_ index: Int, _ now: Instant) -> [Action] {
        let actions = end(index, now)
        if members[index].state == .over {
            members[index].state = .waiting(until: max(members[index].backOff.notBefore, now))
        }
        members[index].isQuiet = false
        return actions
    }

    private mutating func end(_ index: Int, _ now: Instant) -> [Action] {
        let member = members[index]
        switch member.state {
        case .over, .ending: return []
        case .waiting:
            members[index].state = .over
            return []
        case .starting(let serial, let since), .running(let serial, _, let since):
            members[index].state = .ending(
                serial, pid: member.state.pid, since: since, killAt: now + member.settings.stopTimeout, isKilled: false)
            let signals = [member.settings.stopSignal] + (member.isStopped ? [Self.continueSignal] : [])
            return signals.map { .signal(serial, $0) } + [.tell(.stopping(member.id))]
        }
    }

    private mutating func ended(_ index: Int, _ end: CompanionEnd, _ now: Instant) -> [Action] {
        let id = members[index].id
        if case .ending = members[index].state {
            rest(index, now)
            return [.tell(.stopped(id, end))]
        }
        members[index].lastEnd = end
        if members[index].isQuiet {
            members[index].state = .waiting(until: now)
            return [.tell(.stopped(id, end))]
        }
        let age = members[index].state.since.map { now - $0 } ?? .zero
        members[index].backOff.died(at: now, age: age, policy, random: &random)
        members[index].restarts += 1
        let restart = max(members[index].backOff.notBefore, now)
        members[index].state = .waiting(until: restart)
        let isLoop = members[index].backOff.failures == Self.deathLimit
        return [.tell(.died(id, end, retryIn: restart - now))] + (isLoop ? [.tell(.keepsDying(id, end))] : [])
    }

    private mutating func timePassed(_ index: Int, _ now: Instant) -> [Action] {
        let member = members[index]
        switch member.state {
        case .running(_, _, let since) where member.backOff.failures > 0 && now - since >= policy.youngAge:
            members[index].backOff = BackOff()
            return member.backOff.failures >= Self.deathLimit ? [.tell(.recovered(member.id))] : []
        case .ending(let serial, let pid, let since, let killAt, let isKilled) where killAt <= now:
            if isKilled {
                rest(index, now)
                return [.tell(.stuck(member.id))]
            }
            members[index].state = .ending(
                serial, pid: pid, since: since, killAt: now + Self.killPatience, isKilled: true)
            return [.kill(serial), .tell(.killed(member.id))]
        default: return []
        }
    }

    /// A process that had to end is gone: there is another one to come only if it was ended for its own sake.
    private mutating func rest(_ index: Int, _ now: Instant) {
        members[index].state = next != nil || isShuttingDown ? .over : .waiting(until: now)
    }

    // MARK: All of them

    private mutating func settle(_ now: Instant) -> [Action] {
        if members.allSatisfy({ $0.state == .over }) {
            if isShuttingDown {
                defer { hasSaidGone = true }
                return hasSaidGone ? [] : [.allGone]
            }
            if let next { muster(next, now) }
        }
        guard next == nil, !isShuttingDown, let crew else { return [] }
        var actions: [Action] = []
        for index in members.indices where !members[index].isQuiet {
            guard case .waiting(let until) = members[index].state, until <= now else { continue }
            lastSerial += 1
            members[index].state = .starting(lastSerial, since: now)
            actions.append(.start(lastSerial, members[index].id, crew))
        }
        return actions
    }

    private mutating func muster(_ crew: CompanionCrew, _ now: Instant) {
        self.crew = crew
        next = nil
        members = crew.settings.processes.flatMap { process in
            (0..<process.instances).map { instance in
                CompanionMember(
                    id: CompanionID(name: process.name, instance: instance + 1), settings: process,
                    state: .waiting(until: now))
            }
        }
    }
}
