import Foundation
import Linux
import Synchronization

/// Looks at places that may never answer (a dead mount holds whoever asks), each on a thread of its own that can be left
/// behind. A place that still holds a thread is not asked again.
final class PatientEyes: Sendable {
    struct Reason: Error, Sendable {
        var text: String
    }

    static let silence = Reason(text: "it does not answer: does a mount hang?")
    private static let patience = 5.0
    /// Threads that may be left behind; then nothing is looked at until one comes back.
    private static let mostHeld = 8

    private let held = Mutex<Set<String>>([])

    /// Nil: it does not answer.
    func look<Found: Sendable>(at place: String, _ body: @escaping @Sendable () -> Found) -> Found? {
        let mayLook = held.withLock { held in
            guard held.count < Self.mostHeld else { return false }
            return held.insert(place).inserted
        }
        guard mayLook else { return nil }
        let answer = Answer<Found>()
        startThread(name: "look") { [self] in
            answer.give(body())
            held.withLock { _ = $0.remove(place) }
        }
        return answer.wait(seconds: Self.patience)
    }

    private final class Answer<Found: Sendable>: Sendable {
        private let found = Mutex<Found?>(nil)
        private let given = DispatchSemaphore(value: 0)

        func give(_ value: Found) {
            found.withLock { $0 = value }
            given.signal()
        }

        func wait(seconds: Double) -> Found? {
            _ = given.wait(timeout: .now() + seconds)
            return found.withLock { $0 }
        }
    }
}
