import Glibc
import Linux

/// The snapshot's place. A core that takes a snapshot renames it, and the next one that finds it so knows that the one before has
/// not come as far as to write its own: after a few of them it may be the snapshot that they die of.
struct SnapshotFile {
    static let name = "pool.json"
    /// Cores that may begin with the same snapshot.
    static let tries = 4
    private static let longest = 64 << 20

    enum Taken: Equatable {
        case nothing
        case snapshot(ServerSnapshot)
        /// Set aside, for a look at it.
        case refused(reason: String, path: String)
    }

    /// The core's own, which nobody else may enter.
    let directory: String

    func write(_ bytes: [UInt8]) throws(SystemError) {
        // It has to outlive this process, not the machine.
        try writeFileAtomically(directory: directory, name: Self.name, bytes: bytes, mode: 0o600, syncs: false)
        for number in 1...Self.tries { unlink(path(number)) }
    }

    func take() -> Taken {
        guard let found = (0...Self.tries).first(where: { access(path($0), F_OK) == 0 }) else { return .nothing }
        guard found < Self.tries else {
            return setAside(found, "\(Self.tries) cores in a row have not survived their start with it")
        }
        guard rename(path(found), path(found + 1)) == 0 else {
            return setAside(found, SystemError(call: "rename", errno: errno).description)
        }
        do {
            return .snapshot(try ServerSnapshot.decode(try readFile(path(found + 1), limit: Self.longest)))
        } catch {
            return setAside(found + 1, "\(error)")
        }
    }

    /// Nothing is left for it to tell.
    func discard() { for number in 0...Self.tries { unlink(path(number)) } }

    private func setAside(_ number: Int, _ reason: String) -> Taken {
        let aside = "\(directory)/\(Self.name).refused"
        if rename(path(number), aside) != 0 { unlink(path(number)) }
        discard()
        return .refused(reason: reason, path: aside)
    }

    private func path(_ tries: Int) -> String {
        tries == 0 ? "\(directory)/\(Self.name)" : "\(directory)/\(Self.name).\(tries)"
    }
}
