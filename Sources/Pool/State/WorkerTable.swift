import Model

/// All workers of all apps, by slot. Slots are small and used again, so they serve as indexes everywhere on the data path;
/// only news from outside (`workerExited`) look a number up.
struct WorkerTable {
    private(set) var slots: [Worker?] = []
    private var free: [Int] = []
    private var slotOfNumber: [WorkerNumber: Int] = [:]
    private var slotOfSticky: [StickyID: Int] = [:]
    private(set) var lastNumber: UInt32 = 0

    var count: Int { slotOfNumber.count }

    /// The worker in a slot that is known to be taken. Changes are made in place: a worker is too big to copy for a count.
    subscript(slot: Int) -> Worker {
        _read { yield slots[slot]! }  // every slot in a generation's list is taken (an invariant)
        _modify { yield &slots[slot]! }
    }

    func slot(of number: WorkerNumber) -> Int? { slotOfNumber[number] }

    func numbers(where holds: (borrowing Worker) -> Bool) -> [WorkerNumber] {
        slotOfNumber.filter { holds(self[$0.value]) }.map(\.key).sorted { $0.rawValue < $1.rawValue }
    }

    func slot(of sticky: StickyID) -> Int? { slotOfSticky[sticky] }

    /// Of any app.
    var isAnyToldToWork: Bool {
        for worker in slots where worker?.isToldToWork == true && worker?.state != .stopping { return true }
        return false
    }

    /// Whether the claimed worker is still the one in its slot.
    func holds(_ claim: Claim) -> Bool {
        let slot = claim.endpoint.slot
        return slot < slots.count && slots[slot]?.number == claim.endpoint.worker
    }

    mutating func add(
        generation: GenerationNumber, app: AppIndex, attempt: Int, bornAt: Instant, deadline: Instant,
        random: inout SplitMix64
    ) -> Int {
        lastNumber += 1
        let (number, sticky) = (WorkerNumber(lastNumber), unusedStickyID(&random))
        return insert { slot in
            Worker(
                number: number, generation: generation, app: app, slot: slot, sticky: sticky, attempt: attempt,
                bornAt: bornAt, deadline: deadline)
        }
    }

    /// Numbers go on after this one.
    mutating func skip(to number: WorkerNumber) { lastNumber = max(lastNumber, number.rawValue) }

    /// Nil: its number is another's.
    mutating func add(_ record: WorkerRecord, generation: GenerationNumber, app: AppIndex) -> Int? {
        guard slotOfNumber[record.number] == nil, slotOfSticky[record.sticky] == nil else { return nil }
        skip(to: record.number)
        return insert { slot in
            Worker(
                number: record.number, generation: generation, app: app, slot: slot, sticky: record.sticky, attempt: 1,
                bornAt: record.bornAt, deadline: .distantFuture)
        }
    }

    private mutating func insert(_ make: (_ slot: Int) -> Worker) -> Int {
        let slot = free.popLast() ?? slots.count
        let worker = make(slot)
        if slot == slots.count { slots.append(worker) } else { slots[slot] = worker }
        slotOfNumber[worker.number] = slot
        slotOfSticky[worker.sticky] = slot
        return slot
    }

    /// Made of two numbers, so that one id does not give away the generator's state, and with it all the others.
    private func unusedStickyID(_ random: inout SplitMix64) -> StickyID {
        while true {
            let id = StickyID(rawValue: random.next() &* (random.next() | 1))
            if id.rawValue != 0, slotOfSticky[id] == nil { return id }
        }
    }

    /// The last word about a worker: its slot is free again.
    mutating func remove(_ slot: Int) -> Worker {
        var worker = self[slot]
        worker.move(to: .gone)
        slotOfNumber[worker.number] = nil
        slotOfSticky[worker.sticky] = nil
        slots[slot] = nil
        free.append(slot)
        return worker
    }
}
