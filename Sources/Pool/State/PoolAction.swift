import Model

/// One async caller that waits for something.
struct WaitID: Hashable, Sendable {
    let rawValue: UInt64
}

/// What the machine wants done outside itself, once the lock is released.
enum PoolAction: Sendable, Equatable {
    case spawn(WorkerNumber, GenerationNumber, GenerationSpec)
    case prove(WorkerEndpoint)
    case greet(WorkerEndpoint)
    case probe(WorkerEndpoint)
    case work(WorkerEndpoint)
    case stop(WorkerNumber, WorkerEndpoint?, grace: Duration)
    /// Worker nil: all of the generation.
    case endStreams(AppIndex, GenerationNumber, WorkerNumber?, spreadOver: Duration)
    case grant(QueuedCheckout, Claim)
    case refuse(QueuedCheckout, Refusal)
    case event(PoolEvent)
    case bootFinished(WaitID, Result<BootedGeneration, GenerationFailure>)
    case waitFinished(WaitID, Bool)

    static func == (a: PoolAction, b: PoolAction) -> Bool {
        switch (a, b) {
        case (.spawn(let a, let b, let c), .spawn(let x, let y, let z)): (a, b) == (x, y) && c == z
        case (.prove(let a), .prove(let x)), (.probe(let a), .probe(let x)),
            (.work(let a), .work(let x)), (.greet(let a), .greet(let x)):
            a === x
        case (.stop(let a, let b, let c), .stop(let x, let y, let z)): a == x && b === y && c == z
        case (.endStreams(let a, let b, let c, let d), .endStreams(let x, let y, let z, let w)):
            (a, b, c, d) == (x, y, z, w)
        case (.grant(let a, let b), .grant(let x, let y)): a == x && b == y
        case (.refuse(let a, let b), .refuse(let x, let y)): a == x && b == y
        case (.event(let a), .event(let x)): a == x
        case (.bootFinished(let a, let b), .bootFinished(let x, let y)): a == x && b == y
        case (.waitFinished(let a, let b), .waitFinished(let x, let y)): a == x && b == y
        default: false
        }
    }
}
