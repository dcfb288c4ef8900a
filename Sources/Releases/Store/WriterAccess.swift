import Glibc
import Linux

/// When workers run as another user than deploys, they may write in `tmp`, `log` and the shared directories, and nowhere else
/// in a release. By access lists, which an owner may set: nobody has to be root, or in anybody's group for that. The
/// deploy user is in them too, so that what a worker makes there can be removed with the release.
struct WriterAccess {
    static let ownPlaces = ["tmp", "log"].map { FileName(made: $0) }

    var events: EventWriter
    var writer: UInt32

    func grant(
        _ root: borrowing DeployRoot, release name: ReleaseName, shared texts: [String]
    ) throws(BuilderFailure) {
        guard writer != geteuid() else { return }
        let release = try root.release(name)
        for place in Self.ownPlaces {
            try release.makeDirectory(place)
            // One that is shared is a link by now.
            if try release.status(place)?.isDirectory == true { try grant(release.openDirectory(place)) }
        }
        let shared = try root.shared()
        for path in try SharedPath.parse(texts) { try grant(path.components[...], in: shared) }
    }

    /// Not to single files: they are often secrets, and who reads those is their owner's decision.
    private func grant(
        _ names: ArraySlice<FileName>, in directory: borrowing Directory
    ) throws(BuilderFailure) {
        guard let first = names.first, try directory.status(first)?.isDirectory == true else { return }
        let next = try directory.openDirectory(first)
        if names.count == 1 { try grant(next) } else { try grant(names.dropFirst(), in: next) }
    }

    private func grant(_ directory: borrowing Directory, depth: Int = 0) throws(BuilderFailure) {
        do throws(SystemError) {
            // What lies in one that had it before has it too.
            guard try AccessList.grant(directory.descriptor.number, to: [writer, geteuid()]) else { return }
        } catch {
            return events.warn(
                "\(directory.path): the user of the workers (uid \(writer)) cannot be given the right to write there: \(error.reason)"
            )
        }
        guard depth < 32 else { return }
        for name in try directory.entries() {
            guard let found = try directory.status(name) else { continue }
            if found.isDirectory {
                try grant(directory.openDirectory(name), depth: depth + 1)
            } else if found.isRegularFile, found.st_uid == geteuid(),
                let file = try? openFile(
                    name.description, flags: O_RDONLY | O_NOFOLLOW, directory: directory.descriptor.number)
            {
                // What is in a shared directory is data; without the right to change it the app finds out by itself.
                _ = try? AccessList.grant(file.number, to: [writer])
            }
        }
    }
}
