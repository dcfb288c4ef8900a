package import Foundation
import Model

/// What is written down with settings in it (journals, the plan that a server runs by, what a core leaves for the next) may be of an
/// older version, and lack what that did not know. That is no damage: what is missing gets its default, as it would have if the
/// same files were read today.
package enum OlderSettings {
    /// JSON. Costs nothing more when it is of this version. Throws the first `DecodingError` when the defaults do not mend it.
    package static func decode<Value: Decodable>(
        _ type: Value.Type, from data: Data, _ decoder: JSONDecoder = JSONDecoder()
    ) throws -> Value {
        do {
            return try decoder.decode(type, from: data)
        } catch let error as DecodingError {
            for mended in mended(data) {
                if let value = try? decoder.decode(type, from: mended) { return value }
            }
            throw error
        }
    }

    /// The whole of it, and then, where the form of its own settings has changed, without them: a record's are read anew from the
    /// app's files. Empty when there is nothing in it that could be mended.
    private static func mended(_ data: Data) -> [Data] {
        guard let stored = object(data), var whole = completed(stored, defaults()) as? [String: Any] else { return [] }
        let first = whole
        let hasSettings = whole.removeValue(forKey: "settings") != nil
        return (hasSettings ? [first, whole] : [first])
            .compactMap { try? JSONSerialization.data(withJSONObject: $0) }
    }

    /// By the name of the member that they are kept in, wherever that is.
    private static func defaults() -> [String: [String: Any]] {
        func members(_ value: some Encodable) -> [String: Any] {
            (try? StateJSON.encoder().encode(value)).flatMap(object) ?? [:]
        }
        return [
            "settings": members(AppSettings(name: AppName(sanitizing: "app"), directory: "/", kind: .generic)),
            "server": members(ServerSettings()),
            "request": members(DeployRequest(requester: Requester(uid: 0, pid: 0, command: ""))),
        ]
    }

    private static func completed(_ value: Any, _ defaults: [String: [String: Any]]) -> Any {
        if let list = value as? [Any] { return list.map { completed($0, defaults) } }
        guard let members = value as? [String: Any] else { return value }
        return members.reduce(into: members) { result, member in
            if let known = defaults[member.key], let stored = member.value as? [String: Any] {
                result[member.key] = over(known, stored)
            } else {
                result[member.key] = completed(member.value, defaults)
            }
        }
    }

    private static func object(_ data: Data) -> [String: Any]? {
        (try? JSONSerialization.jsonObject(with: data)) as? [String: Any]
    }

    /// `stored` wins, member by member.
    private static func over(_ defaults: [String: Any], _ stored: [String: Any]) -> [String: Any] {
        defaults.merging(stored) { ours, theirs in
            guard let ours = ours as? [String: Any], let theirs = theirs as? [String: Any] else { return theirs }
            // Two cases of an enum are no members of one value.
            if ours.count == 1, theirs.count == 1, ours.keys != theirs.keys { return theirs }
            return over(ours, theirs)
        }
    }
}
