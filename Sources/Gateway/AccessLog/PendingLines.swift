/// Batches that wait to be written, of bounded size; what does not fit is dropped and counted.
struct PendingLines {
    struct Batch: Equatable {
        var bytes: [UInt8]
        var lines: Int
        /// Lines that were lost between the batch before and this one.
        var droppedBefore = 0
    }

    let limit: Int
    private var batches: [Batch] = []
    private var first = 0
    /// Bytes that wait, and those of the batch that is being written.
    private(set) var bytes = 0
    /// All lines ever lost.
    private(set) var dropped = 0
    /// Lines lost behind the last batch.
    private var droppedLast = 0

    init(limit: Int) { self.limit = limit }

    var isEmpty: Bool { first == batches.count }

    /// False when it had to be dropped. A batch larger than the limit is taken when nothing else is there.
    mutating func add(_ bytes: [UInt8], lines: Int) -> Bool {
        guard self.bytes == 0 || bytes.count <= limit - self.bytes else {
            lose(lines)
            return false
        }
        batches.append(Batch(bytes: bytes, lines: lines, droppedBefore: droppedLast))
        droppedLast = 0
        self.bytes += bytes.count
        return true
    }

    /// The next batch to write; when only a loss is left to be noted, an empty one.
    mutating func next(notingLoss: Bool) -> Batch? {
        guard first < batches.count else {
            guard notingLoss, droppedLast > 0 else { return nil }
            defer { droppedLast = 0 }
            return Batch(bytes: [], lines: 0, droppedBefore: droppedLast)
        }
        var batch = Batch(bytes: [], lines: 0)
        swap(&batch, &batches[first])
        first += 1
        if first == batches.count {
            batches.removeAll(keepingCapacity: true)
            first = 0
        }
        return batch
    }

    /// The batch that `next` gave is done with.
    mutating func finished(_ batch: Batch) { bytes -= batch.bytes.count }

    /// Lines of the batch that was being written are lost; `unnoted` were lost before, and the note of them could not be
    /// written either.
    mutating func failed(lines: Int, unnoted: Int) {
        dropped += lines
        if first < batches.count {
            batches[first].droppedBefore += lines + unnoted
        } else {
            droppedLast += lines + unnoted
        }
    }

    private mutating func lose(_ lines: Int) {
        dropped += lines
        droppedLast += lines
    }
}
