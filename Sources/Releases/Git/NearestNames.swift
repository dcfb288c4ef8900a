import Model

/// The names that a mistyped one may have meant.
enum NearestNames {
    /// At most three, nearest first. `origin/main` finds `main`, and `login` finds `feature/login`.
    static func of(_ text: String, among names: [String]) -> [String] {
        let wanted = text.lowercased()
        let limit = max(2, wanted.count / 3)
        let scored = Set(names).compactMap { name -> (distance: Int, name: String)? in
            let candidate = name.lowercased()
            if candidate.hasSuffix("/\(wanted)") || wanted.hasSuffix("/\(candidate)") { return (0, name) }
            // The distance is at least the difference in length: most names need no more than that.
            guard abs(candidate.count - wanted.count) <= limit else { return nil }
            let distance = EditDistance.between(Array(wanted.utf8), Array(candidate.utf8))
            return distance <= limit ? (distance, name) : nil
        }
        return scored.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(3).map(\.name)
    }
}
