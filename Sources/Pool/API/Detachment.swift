package import Model

/// What came of `Pool.detach`.
package struct Detachment: Sendable, Equatable {
    package enum Outcome: Sendable, Equatable {
        /// It gets no more requests, and stops once it has answered those that it has.
        case detached
        /// It is the only one of its generation that serves, so it does until another one is up.
        case replacedFirst
        /// It was draining or stopping already.
        case leaving
    }
    package var worker: WorkerNumber
    package var outcome: Outcome
    package init(worker: WorkerNumber, outcome: Outcome) {
        self.worker = worker
        self.outcome = outcome
    }
}
