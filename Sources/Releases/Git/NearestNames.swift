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
            let distance = editDistance(Array(wanted.utf8), Array(candidate.utf8))
            return distance <= limit ? (distance, name) : nil
        }
        return scored.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(3).map(\.name)
    }

    /// Levenshtein's: insertions, deletions and substitutions.
    static func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var previous = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var current = [i + 1]
            for (j, y) in b.enumerated() {
                current.append(min(previous[j] + (x == y ? 0 : 1), previous[j + 1] + 1, current[j] + 1))
            }
            previous = current
        }
        return previous[b.count]
    }
}
