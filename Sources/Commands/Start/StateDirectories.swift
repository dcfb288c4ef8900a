import AppConfig
import Foundation
import Glibc
import Linux
import Model

/// Where the apps' journals are kept: ROOT/.passenger when everything runs as the deploy user; /var/lib/passenger/<app>, the
/// core's, when root starts.
final class StateDirectories {
    let base: String?
    private let core: PolicyUser?
    /// Root by name, as far as the notes were read.
    private var notes: [String: String] = [:]

    convenience init(server: ServerSettings, core: PolicyUser?) {
        self.init(base: server.stateDirectory ?? (core == nil ? nil : "/var/lib/passenger"), core: core)
    }

    /// `core` is nil when nothing switches users.
    init(base: String?, core: PolicyUser?) {
        self.base = base
        self.core = core
    }

    /// Nil: an app in place keeps no state.
    func make(for name: AppName, at location: AppLocation) throws -> String? {
        guard case .deployRoot(let root) = location else { return nil }
        guard let base else {
            try InstanceFiles.make("\(root)/.passenger", mode: 0o700)
            return "\(root)/.passenger"
        }
        if core != nil || access(base, F_OK) != 0 { try InstanceFiles.make(base, mode: 0o755) }
        let name = try claim(name, for: root, in: base)
        try InstanceFiles.make("\(base)/\(name)", mode: 0o700, owner: core)
        return "\(base)/\(name)"
    }

    /// State is kept by the app's name: another root of the same name must not take over its journals. A root that has its
    /// state under another name (that of its directory, or of an entry in a directory of apps) keeps it there. The notes
    /// that say so lie in a directory that nobody else can write to.
    private func claim(_ name: AppName, for root: String, in base: String) throws -> String {
        if Self.owner(of: name.rawValue, in: base) == root { return name.rawValue }
        if let known = try knownName(of: root, in: base) { return known }
        if let owner = Self.owner(of: name.rawValue, in: base), access("\(owner)/.passenger", F_OK) == 0 {
            throw StartError(
                "the state of an app called \(name) belongs to \(owner)",
                hint: "Rename \(root), or set PASSENGER_STATE_DIR to another directory for it.", exitCode: 2)
        }
        try writeFileAtomically(directory: base, name: "\(name).root", bytes: Array(root.utf8), mode: 0o644)
        return name.rawValue
    }

    /// A directory of apps may have a thousand notes: each is read once, and the one that counts again.
    private func knownName(of root: String, in base: String) throws -> String? {
        let handle = try openFile(base, flags: O_RDONLY | O_DIRECTORY)
        for file in try directoryEntries(handle.number) where file.hasSuffix(".root") {
            let name = String(file.dropLast(".root".count))
            notes[name] = notes[name] ?? Self.owner(of: name, in: base)
        }
        for (name, owner) in notes where owner == root && Self.owner(of: name, in: base) == root { return name }
        return nil
    }

    private static func owner(of name: String, in base: String) -> String? {
        (try? readFile("\(base)/\(name).root", limit: 4096)).map { String(decoding: $0, as: UTF8.self) }
    }
}
