/// Typing errors: insertions, deletions, replacements, and two neighbours exchanged, each counted once.
package enum EditDistance {
    /// The nearest of `candidates`, if it is near enough to have been meant: a third of the letters may be wrong.
    package static func nearest(to name: String, among candidates: [String]) -> String? {
        let name = Array(name.utf8.prefix(longest + 1))
        guard !name.isEmpty, name.count <= longest else { return nil }
        let allowed = max(1, (name.count + 1) / 3)
        var best: (name: String, distance: Int)?
        for candidate in candidates where abs(candidate.utf8.count - name.count) <= allowed {
            let distance = between(name, Array(candidate.utf8))
            if distance <= allowed, distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.name
    }

    /// Longer "names" are no typing errors, and the work grows with the square.
    private static let longest = 64

    /// Optimal string alignment distance, of bytes.
    package static func between(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var beforePrevious: [Int] = []
        var previous = Array(0...b.count)
        for i in a.indices {
            var current = [i + 1]
            for j in b.indices {
                let replaced = previous[j] + (a[i] == b[j] ? 0 : 1)
                var cost = min(replaced, previous[j + 1] + 1, current[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforePrevious[j - 1] + 1) }
                current.append(cost)
            }
            beforePrevious = previous
            previous = current
        }
        return previous[b.count]
    }
}
