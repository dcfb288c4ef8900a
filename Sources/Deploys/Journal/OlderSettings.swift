import Foundation
import Model

/// Records hold what was asked for and an app's settings, and an older passenger's lack what it did not know. That is no
/// damage: what is missing gets its default, as it would have if the same files were read today.
enum OlderSettings {
    /// The record made whole, or, where the form of its settings has changed, without them: they are read anew from the app's
    /// files. Empty when there is nothing in it that could be mended.
    static func mended(_ data: Data) -> [Data] {
        guard var record = object(data) else { return [] }
        if let request = record["request"] as? [String: Any] { record["request"] = over(askedForNothing, request) }
        guard let stored = record["settings"] as? [String: Any],
            let known = try? StateJSON.encoder().encode(
                AppSettings(name: AppName(sanitizing: "app"), directory: "/", kind: .generic)),
            let defaults = object(known)
        else { return [record].compactMap { try? JSONSerialization.data(withJSONObject: $0) } }
        record["settings"] = over(defaults, stored)
        let whole = record
        record["settings"] = nil
        return [whole, record].compactMap { try? JSONSerialization.data(withJSONObject: $0) }
    }

    private static var askedForNothing: [String: Any] {
        let nobody = Requester(uid: 0, pid: 0, command: "")
        return (try? StateJSON.encoder().encode(DeployRequest(requester: nobody))).flatMap(object) ?? [:]
    }

    private static func object(_ data: Data) -> [String: Any]? {
        (try? JSONSerialization.jsonObject(with: data)) as? [String: Any]
    }

    /// `stored` wins, member by member.
    private static func over(_ defaults: [String: Any], _ stored: [String: Any]) -> [String: Any] {
        defaults.merging(stored) { ours, theirs in
            guard let ours = ours as? [String: Any], let theirs = theirs as? [String: Any] else { return theirs }
            return over(ours, theirs)
        }
    }
}
