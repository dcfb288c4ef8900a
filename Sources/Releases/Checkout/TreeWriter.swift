/// Writes a plan's entries, depth first, with one open directory a level.
struct TreeWriter {
    private let events: EventWriter
    private let cancellation: Cancellation
    private let totalFiles: Int
    private let totalBytes: Int
    private var files = 0
    private var bytes = 0
    private var pace = ProgressPace()

    init(plan: TreePlan, events: EventWriter, cancellation: Cancellation) {
        self.events = events
        self.cancellation = cancellation
        totalFiles = plan.files
        totalBytes = plan.bytes
    }

    mutating func write(
        _ entries: [TreePlan.Entry], from mirror: borrowing Repository, to directory: borrowing Directory
    ) throws(BuilderFailure) {
        for entry in entries {
            try cancellation.check()
            switch entry.content {
            case .link(let target): try directory.makeLink(entry.name, target: target)
            case .directory(let children):
                try directory.makeDirectory(entry.name)
                try write(children, from: mirror, to: directory.openDirectory(entry.name))
            case .file(let id, let size, let executable):
                let mode: UInt32 = executable ? 0o755 : 0o644
                try mirror.withBlob(id) { (contents) throws(BuilderFailure) in
                    guard contents.count == size else {
                        throw BuilderFailure(
                            .damagedRepository, "\(directory.join(entry.name)) has \(contents.count) bytes, not \(size)"
                        )
                    }
                    try directory.createFile(entry.name, mode: mode, contents: contents)
                }
                report(size)
            }
        }
    }

    private mutating func report(_ size: Int) {
        files += 1
        bytes += size
        guard files == totalFiles || pace.isDue() else { return }
        events.send(
            .checkoutProgress(files: files, totalFiles: totalFiles, bytes: bytes, totalBytes: totalBytes))
    }
}
