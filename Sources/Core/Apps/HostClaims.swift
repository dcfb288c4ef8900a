package import Model

/// Which app a host name, with the path that it is mounted at, belongs to. One owner each: who comes second is refused, so
/// that no app can take another one's requests.
package struct HostClaims {
    package struct Conflict: Equatable, CustomStringConvertible {
        /// Nil: requests for every host that no app names.
        var host: String?
        var basePath: String
        var owner: AppName

        package var description: String {
            let place = basePath == "/" ? "" : " at \(basePath)"
            guard let host else {
                return "it names no host (server_names), and requests for all others\(place) go to \(owner)"
            }
            return "\(host)\(place) belongs to \(owner)"
        }
    }

    private struct Place: Hashable {
        var host: String?
        var basePath: String
    }

    private var owners: [Place: AppName] = [:]

    package init() {}

    /// All that the app claims, or nothing.
    package mutating func claim(_ hosts: [String], basePath: String, for app: AppName) -> Conflict? {
        let names = hosts.isEmpty ? [nil] : hosts.map { $0.lowercased() as String? }
        let places = names.map { Place(host: $0, basePath: basePath) }
        for place in places {
            guard let owner = owners[place], owner != app else { continue }
            return Conflict(host: place.host, basePath: basePath, owner: owner)
        }
        for place in places { owners[place] = app }
        return nil
    }

    mutating func release(_ app: AppName) { owners = owners.filter { $0.value != app } }
}
