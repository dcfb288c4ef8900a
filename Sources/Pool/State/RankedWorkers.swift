/// A worker's place in `RankedWorkers`: slots of its neighbours and the bucket that it is in; -1 is none.
struct ReadyLink {
    var previous: Int32 = -1
    var next: Int32 = -1
    var bucket: Int32 = -1
}

/// By what workers are ranked, and which of their links hold the list together.
protocol WorkerRank {
    static func rank(_ worker: borrowing Worker) -> Int
    static func link(_ worker: borrowing Worker) -> ReadyLink
    static func setLink(_ worker: inout Worker, _ link: ReadyLink)
}

/// Those that can take a request now: available, with room.
enum ByRequests: WorkerRank {
    static func rank(_ worker: borrowing Worker) -> Int {
        let rank = worker.busy + worker.handicap
        return worker.concurrency == 0 ? rank : min(rank, worker.concurrency)
    }
    static func link(_ worker: borrowing Worker) -> ReadyLink { worker.link }
    static func setLink(_ worker: inout Worker, _ link: ReadyLink) { worker.link = link }
}

/// Those that can take what needs no room: all that are available.
enum ByStreams: WorkerRank {
    static func rank(_ worker: borrowing Worker) -> Int { worker.streams }
    static func link(_ worker: borrowing Worker) -> ReadyLink { worker.streamLink }
    static func setLink(_ worker: inout Worker, _ link: ReadyLink) { worker.streamLink = link }
}

/// Those that are busy and get requests ahead.
enum ByRequestsAhead: WorkerRank {
    static func rank(_ worker: borrowing Worker) -> Int { worker.busy }
    static func link(_ worker: borrowing Worker) -> ReadyLink { worker.aheadLink }
    static func setLink(_ worker: inout Worker, _ link: ReadyLink) { worker.aheadLink = link }
}

/// Workers of one generation, by how many requests, or streams, they have.
///
/// One list per number, linked through the workers themselves. Taking the least busy worker and giving it back
/// are a few stores each, whether there is one worker or five hundred, and allocate nothing. Workers leave at the head and
/// come in at the tail, so equals take turns.
struct RankedWorkers<Rank: WorkerRank> {
    private struct Bucket {
        var head: Int32 = -1
        var tail: Int32 = -1
    }

    /// Busier workers than this share the last bucket: there, taking turns is as good as counting.
    static var lastBucket: Int { 1023 }

    private var buckets: [Bucket] = []
    /// No bucket below this has a worker.
    private var least = 0
    private(set) var count = 0

    /// Slot of the least busy worker.
    var first: Int? { count == 0 ? nil : Int(buckets[least].head) }

    func contains(_ worker: borrowing Worker) -> Bool { Rank.link(worker).bucket >= 0 }

    static func bucket(_ worker: borrowing Worker) -> Int { min(Rank.rank(worker), lastBucket) }

    /// Makes room for every number that such a worker can have, so that no later checkout allocates.
    /// - Parameter limit: 0 is none.
    mutating func prepare(limit: Int) {
        let needed = (limit == 0 ? Self.lastBucket : min(limit, Self.lastBucket)) + 1
        while buckets.count < needed { buckets.append(Bucket()) }
    }

    mutating func insert(_ slot: Int, into workers: inout WorkerTable) {
        let bucket = Self.bucket(workers[slot])
        let tail = buckets[bucket].tail
        Rank.setLink(&workers[slot], ReadyLink(previous: tail, next: -1, bucket: Int32(bucket)))
        if tail >= 0 { setNext(tail, Int32(slot), &workers) } else { buckets[bucket].head = Int32(slot) }
        buckets[bucket].tail = Int32(slot)
        if count == 0 || bucket < least { least = bucket }
        count += 1
    }

    /// Does nothing if it is not among them.
    mutating func remove(_ slot: Int, from workers: inout WorkerTable) {
        let link = Rank.link(workers[slot])
        guard link.bucket >= 0 else { return }
        let bucket = Int(link.bucket)
        if link.previous >= 0 {
            setNext(link.previous, link.next, &workers)
        } else {
            buckets[bucket].head = link.next
        }
        if link.next >= 0 {
            setPrevious(link.next, link.previous, &workers)
        } else {
            buckets[bucket].tail = link.previous
        }
        Rank.setLink(&workers[slot], ReadyLink())
        count -= 1
        while least < Self.lastBucket, count > 0, buckets[least].head < 0 { least += 1 }
    }

    private func setNext(_ slot: Int32, _ next: Int32, _ workers: inout WorkerTable) {
        var link = Rank.link(workers[Int(slot)])
        link.next = next
        Rank.setLink(&workers[Int(slot)], link)
    }

    private func setPrevious(_ slot: Int32, _ previous: Int32, _ workers: inout WorkerTable) {
        var link = Rank.link(workers[Int(slot)])
        link.previous = previous
        Rank.setLink(&workers[Int(slot)], link)
    }

    /// Slots from the least busy on, each bucket in its order. For invariants and tests.
    func slots(in workers: borrowing WorkerTable) -> [Int] {
        var all: [Int] = []
        var bucket = least
        while all.count < count, bucket < buckets.count {
            var slot = buckets[bucket].head
            bucket += 1
            while slot >= 0 {
                all.append(Int(slot))
                slot = Rank.link(workers[Int(slot)]).next
            }
        }
        return all
    }
}
