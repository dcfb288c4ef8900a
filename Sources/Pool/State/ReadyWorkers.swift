/// A worker's place in `ReadyWorkers`: slots of its neighbours and the bucket that it is in; -1 is none.
struct ReadyLink {
    var previous: Int32 = -1
    var next: Int32 = -1
    var bucket: Int32 = -1
}

/// The workers of one generation that can take a request now (available, with room), by how many they have.
///
/// One list per number of requests, linked through the workers themselves. Taking the least busy worker and giving it back
/// are a few stores each, whether there is one worker or five hundred, and allocate nothing. Workers leave at the head and
/// come in at the tail, so equals take turns.
struct ReadyWorkers {
    private struct Bucket {
        var head: Int32 = -1
        var tail: Int32 = -1
    }

    /// Busier workers than this share the last bucket: there, taking turns is as good as counting.
    static let lastBucket = 1023

    private var buckets: [Bucket] = []
    /// No bucket below this has a worker.
    private var least = 0
    private(set) var count = 0

    /// Slot of the least busy worker.
    var first: Int? { count == 0 ? nil : Int(buckets[least].head) }

    func contains(_ worker: borrowing Worker) -> Bool { worker.link.bucket >= 0 }

    static func bucket(busy: Int) -> Int { min(busy, lastBucket) }

    /// Makes room for every number of requests that such a worker can have, so that no later checkout allocates.
    mutating func prepare(concurrency: Int) {
        let needed = (concurrency == 0 ? Self.lastBucket : Self.bucket(busy: concurrency)) + 1
        while buckets.count < needed { buckets.append(Bucket()) }
    }

    mutating func insert(_ slot: Int, into workers: inout WorkerTable) {
        let bucket = Self.bucket(busy: workers[slot].busy)
        let tail = buckets[bucket].tail
        workers[slot].link = ReadyLink(previous: tail, next: -1, bucket: Int32(bucket))
        if tail >= 0 { workers[Int(tail)].link.next = Int32(slot) } else { buckets[bucket].head = Int32(slot) }
        buckets[bucket].tail = Int32(slot)
        if count == 0 || bucket < least { least = bucket }
        count += 1
    }

    /// Does nothing if it is not among them.
    mutating func remove(_ slot: Int, from workers: inout WorkerTable) {
        let link = workers[slot].link
        guard link.bucket >= 0 else { return }
        let bucket = Int(link.bucket)
        if link.previous >= 0 {
            workers[Int(link.previous)].link.next = link.next
        } else {
            buckets[bucket].head = link.next
        }
        if link.next >= 0 {
            workers[Int(link.next)].link.previous = link.previous
        } else {
            buckets[bucket].tail = link.previous
        }
        workers[slot].link = ReadyLink()
        count -= 1
        while least < Self.lastBucket, count > 0, buckets[least].head < 0 { least += 1 }
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
                slot = workers[Int(slot)].link.next
            }
        }
        return all
    }
}
