import Model

/// One app: its routing table, its generations, its queue.
///
/// Events come in as calls; what is to be done goes out through the context. The parts:
/// `+Requests` (the data path), `+Workers` (news about workers), `+Boots` (spawning, failures), `+Scaling` (how many),
/// `+Wear` (replacement of workers that serve), `+Overdue`, `+Health` (probes), `+Work` (out-of-band), `+Ahead` (requests sent
/// ahead), `+Generations` (what Deploys asks for), `+FailedRestart` (what it has to tell whoever looks), `+Pause` and `+Detach` (what people ask
/// for), `+Adoption` (from core to core), `+Time` (deadlines),
/// `OnDemand` (before there is a generation), `+Closing` (removal and shutdown), `+Invariants`.
struct AppPool {
    let index: AppIndex
    let name: AppName
    var queueSettings: QueueSettings
    var queue: CheckoutQueue
    private(set) var table = RoutingTable.empty
    /// Oldest first. One that is gone is forgotten.
    var generations: [Generation] = []
    private(set) var lastGeneration: UInt32 = 0
    var totals = AppTotals()
    var lastBootFailure: BootFailure?
    /// While it is set, requests are answered with it, although the version before could serve them.
    var failedRestart: BootFailure?
    var closing: Closing?
    /// It has had workers that take requests ahead, so the time of a checkout matters.
    var takesAhead = false
    /// While it is set, no request is given to a worker.
    var pause: Pause?
    /// Workers that somebody asked for by hand; nil is as many as are needed.
    var scale: Int?
    /// Nil once something was booted for its traffic.
    var onDemand: OnDemand?

    init(index: AppIndex, name: AppName, queue: QueueSettings, onDemand: OnDemand? = nil) {
        self.index = index
        self.name = name
        queueSettings = queue
        self.queue = CheckoutQueue(app: index)
        self.onDemand = onDemand
    }

    /// There are never more than a handful.
    func position(of number: GenerationNumber) -> Int? {
        for index in generations.indices where generations[index].number == number { return index }
        return nil
    }

    mutating func nextGenerationNumber() -> GenerationNumber {
        lastGeneration += 1
        return GenerationNumber(lastGeneration)
    }

    /// Numbers go on after this one.
    mutating func skip(to number: GenerationNumber) { lastGeneration = max(lastGeneration, number.rawValue) }

    /// The one place where routing changes. States follow the table: live is what is in it.
    mutating func route(by next: RoutingTable) {
        let previous = table
        table = next
        for entry in previous.entries where !next.contains(entry.generation) {
            if let position = position(of: entry.generation) { generations[position].move(to: .standby) }
        }
        for entry in next.entries where !previous.contains(entry.generation) {
            guard let position = position(of: entry.generation) else { continue }
            generations[position].move(to: .live)
            generations[position].traffic = TrafficCounts()
            generations[position].demand = DemandWatch()
        }
        if next.isEmpty == false {
            totals.switches += 1
            onDemand = nil
            failedRestart = nil
        }
        // The worker they wait for may not be routed to any more; whoever changes the table dispatches afterwards.
        queue.unpinAll()
    }

    func tell(_ kind: PoolEvent.Kind, about generation: GenerationNumber?, _ context: inout PoolContext) {
        context.act(.event(PoolEvent(app: name, generation: generation, kind: kind)))
    }
}
