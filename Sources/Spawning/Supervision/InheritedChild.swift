import Glibc
import Linux
package import Model
import Synchronization

/// A child of an earlier core, until somebody takes it over. Its end is kept for whoever does.
package final class InheritedChild: ChildHandler {
    /// From TERM to KILL of one that nobody wants.
    private static let grace = Duration.seconds(5)

    private struct State {
        var descriptors: [Int32]
        var successor: (any ChildHandler)?
        var end: (reason: ExitReason, launchFailure: LaunchFailure?)?
    }

    package let entry: ChildEntry
    private let link: SupervisorLink
    private let state: Mutex<State>

    init(entry: ChildEntry, link: SupervisorLink, descriptors: [Int32]) {
        self.entry = entry
        self.link = link
        state = Mutex(State(descriptors: descriptors))
    }

    deinit { state.withLock { closeDescriptors($0.descriptors) } }

    /// Once. The successor hears of it as of a child that was just spawned, and of its end even if that is past.
    package func take(by successor: any ChildHandler) {
        let descriptors = state.withLock { state in
            defer { state.descriptors = [] }
            return state.descriptors
        }
        successor.childSpawned(
            entry, standardOutput: descriptors.first, standardError: descriptors.dropFirst().first)
        let end = state.withLock { state in
            state.successor = successor
            return state.end
        }
        if let end { successor.childExited(end.reason, launchFailure: end.launchFailure) }
    }

    package var hasEnded: Bool { state.withLock { $0.end != nil } }

    /// Also once it was taken over.
    package func signal(_ number: Int32, _ scope: SignalScope) { link.signal(entry.tag, number, scope) }

    /// Nobody takes it over: TERM, and KILL for its whole group later. What it still says is read, and lost.
    package func end(reader: OutputReader, schedule: SpawningParts.Schedule) {
        let descriptors = state.withLock { state in
            defer { state.descriptors = [] }
            return state.descriptors
        }
        for descriptor in descriptors {
            reader.add(Descriptor(owning: descriptor), receive: { _ in }, ended: {})
        }
        link.signal(entry.tag, SIGTERM, .group)
        schedule(Self.grace) { [self] in
            if state.withLock({ $0.end == nil }) { link.signal(entry.tag, SIGKILL, .group) }
        }
    }

    package func childSpawned(_ entry: ChildEntry, standardOutput: Int32?, standardError: Int32?) {}

    package func childRefused(_ reason: String) {}

    package func childExited(_ reason: ExitReason, launchFailure: LaunchFailure?) {
        let successor = state.withLock { state in
            if state.successor == nil { state.end = (reason, launchFailure) }
            return state.successor
        }
        successor?.childExited(reason, launchFailure: launchFailure)
    }
}
