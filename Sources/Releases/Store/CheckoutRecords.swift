import Glibc
import Linux

/// The records of what checkouts wrote, in `.passenger/checkouts/`, each under its release's name. They only save work: what goes
/// wrong with one is not said and costs a whole checkout.
struct CheckoutRecords: ~Copyable {
    private let directory: Directory

    init(_ root: borrowing DeployRoot) throws(BuilderFailure) {
        let marker = try root.directory.openDirectory(DeployRoot.markerName)
        let name = FileName(literal: "checkouts")
        try marker.makeDirectory(name, mode: 0o700)
        directory = try marker.openDirectory(name)
    }

    /// The newest release that has one, open.
    func newest(of root: borrowing DeployRoot) throws(BuilderFailure) -> ReuseSource? {
        let releases = try root.releases()
        for name in try names().sorted().reversed() {
            guard try releases.status(FileName(name))?.isDirectory == true, let record = try read(name) else {
                continue
            }
            return ReuseSource(release: try releases.openDirectory(FileName(name)), record: record)
        }
        return nil
    }

    func write(_ record: CheckoutRecord, of name: ReleaseName) throws(BuilderFailure) {
        var record = record
        record.boot = CheckoutRecords.boot()
        guard !record.boot.isEmpty, clockHasPassed(record.newestChange) else { return }
        let temporary = FileName.temporary(.checkout, of: name)
        let bytes = record.encoded()
        try bytes.withUnsafeBufferPointer { (bytes) throws(BuilderFailure) in
            _ = try directory.createFile(temporary, mode: 0o600, contents: UnsafeRawBufferPointer(bytes))
        }
        try directory.rename(temporary, to: FileName(name), in: directory)
    }

    func remove(_ name: ReleaseName) throws(BuilderFailure) { try directory.removeTree(FileName(name)) }

    /// Deletes those of releases that are gone, and what was interrupted.
    func clean(_ root: borrowing DeployRoot) throws(BuilderFailure) {
        let releases = try root.releases()
        for entry in try directory.entries() {
            if let name = ReleaseName(entry.description), try releases.status(FileName(name)) != nil { continue }
            try directory.removeTree(entry)
        }
    }

    /// Kernels before 6.13 stamp files with a clock that moves every few milliseconds: a change within the tick of the last
    /// recorded one would look like none. So a record is kept only once that tick is over; with a clock that was set back, never.
    private func clockHasPassed(_ change: Int64) -> Bool {
        for _ in 0..<50 {
            var now = timespec()
            clock_gettime(CLOCK_REALTIME_COARSE, &now)
            if CheckoutRecord.Stamp.nanoseconds(now) > change { return true }
            usleep(1000)
        }
        return false
    }

    private func names() throws(BuilderFailure) -> [ReleaseName] {
        try directory.entries().compactMap { ReleaseName($0.description) }
    }

    func read(_ name: ReleaseName) throws(BuilderFailure) -> CheckoutRecord? {
        let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
        guard let file = try? openFile(name.description, flags: flags, directory: directory.descriptor.number),
            let bytes = try? readAll(file.number, limit: CheckoutRecord.maxBytes)
        else { return nil }
        // A power loss can take the new ctime of a file away that has its new bytes, so records of before it say nothing.
        guard let record = CheckoutRecord(encoded: bytes), record.boot == CheckoutRecords.boot() else { return nil }
        return record
    }

    private static func boot() -> [UInt8] { (try? readFile("/proc/sys/kernel/random/boot_id", limit: 64)) ?? [] }
}
