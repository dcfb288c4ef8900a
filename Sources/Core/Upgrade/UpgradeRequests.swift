import AdminAPI
import Model
import Spawning
import Synchronization

/// Who waits for an upgrade that this core has asked the supervisor for. Its end comes to the core that asked, which may have
/// retired by then.
final class UpgradeRequests: Sendable {
    private typealias Waiter = CheckedContinuation<Result<UpgradeAnswer, ControlError>, Never>

    private struct State {
        var lastTicket: UInt64 = 0
        var waiters: [(ticket: UInt64, done: Waiter)] = []
        var whenSettled: [CheckedContinuation<Void, Never>] = []
    }

    private let link: SupervisorLink
    private let state = Mutex(State())

    init(link: SupervisorLink) { self.link = link }

    func ask() async throws(ControlError) -> UpgradeAnswer {
        let result = await withCheckedContinuation { (done: Waiter) in
            let ticket = state.withLock { state in
                state.lastTicket += 1
                state.waiters.append((state.lastTicket, done))
                return state.lastTicket
            }
            do {
                try link.send(.requestUpgrade(ticket: ticket))
            } catch {
                finish(ticket, .failure(ControlError(.failed, "The supervisor cannot be asked: \(error).")))
            }
        }
        return try result.get()
    }

    func upgraded(_ ticket: UInt64, version: String) {
        finish(ticket, .success(UpgradeAnswer(from: ProductVersion.current, to: version)))
    }

    func refused(_ ticket: UInt64, reason: String) {
        let lines = reason.split(separator: "\n").map(String.init)
        finish(
            ticket,
            .failure(
                ControlError(
                    .refused, "The server goes on as it is: \(lines.first ?? reason)", details: Array(lines.dropFirst())
                )))
    }

    /// Returns when nobody waits any more.
    func settled() async {
        await withCheckedContinuation { done in
            let isSettled = state.withLock { state in
                if !state.waiters.isEmpty { state.whenSettled.append(done) }
                return state.waiters.isEmpty
            }
            if isSettled { done.resume() }
        }
    }

    private func finish(_ ticket: UInt64, _ result: Result<UpgradeAnswer, ControlError>) {
        let done = state.withLock { state in
            defer { state.waiters.removeAll { $0.ticket <= ticket } }
            return state.waiters.filter { $0.ticket <= ticket }.map(\.done)
        }
        for waiter in done { waiter.resume(returning: result) }
        let settled = state.withLock { state in
            guard state.waiters.isEmpty else { return [CheckedContinuation<Void, Never>]() }
            defer { state.whenSettled = [] }
            return state.whenSettled
        }
        for waiter in settled { waiter.resume() }
    }
}
