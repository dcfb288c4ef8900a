/// Removes what a killed fetch leaves in the mirror: half packs, and lock files, which would make every later fetch fail.
struct MirrorCleaner {
    var events: EventWriter

    func clean(_ root: borrowing DeployRoot) { clean(DeployRoot.mirrorName, in: root.directory) }

    func clean(_ name: FileName, in directory: borrowing Directory) {
        do throws(BuilderFailure) {
            guard try directory.status(name) != nil else { return }
            let mirror = try directory.openDirectory(name)
            try removeLocks(mirror, recursively: false)
            let refs = FileName(literal: "refs")
            if try mirror.status(refs) != nil { try removeLocks(mirror.openDirectory(refs), recursively: true) }
            let (objects, pack) = (FileName(literal: "objects"), FileName(literal: "pack"))
            guard try mirror.status(objects) != nil else { return }
            let objectDirectory = try mirror.openDirectory(objects)
            guard try objectDirectory.status(pack) != nil else { return }
            let packs = try objectDirectory.openDirectory(pack)
            for name in try packs.entries() where name.description.contains("_git2_") { try packs.removeFile(name) }
        } catch {
            events.warn("the mirror could not be cleaned: \(error.message)")
        }
    }

    private func removeLocks(_ directory: borrowing Directory, recursively: Bool) throws(BuilderFailure) {
        for name in try directory.entries() {
            if name.bytes.suffix(5) == ArraySlice(".lock".utf8) {
                // A branch cannot be called that: git forbids it for this very reason.
                try directory.removeFile(name)
            } else if recursively, try directory.status(name)?.isDirectory == true {
                try removeLocks(directory.openDirectory(name), recursively: true)
            }
        }
    }
}
