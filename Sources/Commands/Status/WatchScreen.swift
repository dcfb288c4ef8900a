import Terminal

/// A text that is drawn over the one before, from the first line of a terminal on, as far as it goes.
struct WatchScreen: Sendable {
    var rows: Int
    var columns: Int

    func frame(_ text: String) -> String {
        // One row is left free. A line that is longer than the terminal is wide takes several: what does not fit any more
        // would move the first lines out of sight.
        var room = max(rows - 1, 1)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).prefix { line in
            room -= max(1, (String(line).showable.count + columns - 1) / max(columns, 1))
            return room >= 0
        }
        return "\u{1B}[H" + lines.map { "\($0)\u{1B}[K" }.joined(separator: "\r\n") + "\u{1B}[J"
    }
}
