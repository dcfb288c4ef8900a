import Foundation
import Model

/// Records hold an app's settings, and an older passenger's lack what it did not know. That is no damage: what is missing
/// gets its default, as it would have if the same files were read today.
enum OlderSettings {
    /// The record with its settings made whole, or, where their form has changed, without them: they are read anew from the
    /// app's files. Empty when it has none, and so cannot be mended.
    static func mended(_ data: Data) -> [Data] {
        guard var record = object(data), let stored = record["settings"] as? [String: Any],
            let known = try? StateJSON.encoder().encode(
                AppSettings(name: AppName(sanitizing: "app"), directory: "/", kind: .generic)),
            let defaults = object(known)
        else { return [] }
        record["settings"] = over(defaults, stored)
        let whole = record
        record["settings"] = nil
        return [whole, record].compactMap { try? JSONSerialization.data(withJSONObject: $0) }
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
