import AppConfig
import Foundation
import Model

/// Which files (certificates, keys, the tokens of the admin API) the supervisor may open for the core. A root supervisor
/// opens only what root alone decides about: in a directory that others may write in, a link could lead it to any file of
/// the machine.
struct CertificatePaths {
    private(set) var trusted: [String] = []
    private(set) var warnings: [String] = []

    init(_ certificates: [CertificateFiles], and others: [String] = [], isRoot: Bool) {
        for path in certificates.flatMap({ [$0.chain, $0.key] }) + others where !trusted.contains(path) {
            guard isRoot, let objection = Self.objection(path) else {
                trusted.append(path)
                continue
            }
            warnings.append(
                "\(path) is not read with root's rights, because \(objection): the user that serves requests must be able to "
                    + "read it")
        }
    }

    /// The path as it is written, and where its links lead to now.
    private static func objection(_ path: String) -> String? {
        if let objection = PathTrust.objection(to: path, user: 0) { return objection }
        let resolved = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        return resolved == path ? nil : PathTrust.objection(to: resolved, user: 0)
    }
}
