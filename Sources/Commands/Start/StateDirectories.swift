import AppConfig
import Foundation
import Glibc
import Linux
import Model

/// Where the apps' journals are kept: ROOT/.passenger when everything runs as the deploy user; /var/lib/passenger/<app>, the
/// core's, when root starts.
struct StateDirectories {
    private let base: String?
    private let core: PolicyUser?

    init(server: ServerSettings, core: PolicyUser?) {
        base = server.stateDirectory ?? (core == nil ? nil : "/var/lib/passenger")
        self.core = core
    }

    /// Nil: an app in place keeps no state.
    func make(for name: AppName, at location: AppLocation) throws -> String? {
        guard case .deployRoot(let root) = location else { return nil }
        guard let base else {
            try InstanceFiles.make("\(root)/.passenger", mode: 0o700)
            return "\(root)/.passenger"
        }
        guard let core else {
            try InstanceFiles.make("\(base)/\(name)", mode: 0o700)
            return "\(base)/\(name)"
        }
        try InstanceFiles.make(base, mode: 0o755)
        let name = try claim(name, for: root, in: base)
        try InstanceFiles.make("\(base)/\(name)", mode: 0o700, owner: core)
        return "\(base)/\(name)"
    }

    /// State is kept by the app's name: another root of the same name must not take over its journals. A root that has its
    /// state under another name (that of its directory, before a server file called it something else) keeps it there. The
    /// notes lie in a directory that is root's alone.
    private func claim(_ name: AppName, for root: String, in base: String) throws -> String {
        let own = AppName(sanitizing: (root as NSString).lastPathComponent)
        for candidate in [name, own] where Self.owner(of: candidate, in: base) == root { return candidate.rawValue }
        if let owner = Self.owner(of: name, in: base), access("\(owner)/.passenger", F_OK) == 0 {
            throw StartError(
                "the state of an app called \(name) belongs to \(owner)",
                hint: "Rename \(root), or set PASSENGER_STATE_DIR to another directory for it.", exitCode: 2)
        }
        try writeFileAtomically(directory: base, name: "\(name).root", bytes: Array(root.utf8), mode: 0o644)
        return name.rawValue
    }

    private static func owner(of name: AppName, in base: String) -> String? {
        (try? readFile("\(base)/\(name).root", limit: 4096)).map { String(decoding: $0, as: UTF8.self) }
    }
}
