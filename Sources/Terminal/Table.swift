/// Rows under headings, as wide as they need to be and no wider than the terminal: the last column gives way.
package struct Table: Sendable {
    package struct Column: Sendable {
        package var title: String
        package var alignment: Alignment
        package init(_ title: String, _ alignment: Alignment = .left) {
            self.title = title
            self.alignment = alignment
        }
    }

    private static let gap = "  "
    private let columns: [Column]
    private var rows: [[StyledText]] = []

    package init(_ columns: [Column]) {
        self.columns = columns
    }

    package var isEmpty: Bool { rows.isEmpty }

    /// Missing cells are empty, further ones are dropped.
    package mutating func add(_ row: [StyledText]) {
        let missing = max(0, columns.count - row.count)
        let cells = row.prefix(columns.count) + Array(repeating: "", count: missing)
        rows.append(cells.map { StyledText($0.text.showable, $0.style) })
    }

    package func lines(_ traits: TerminalTraits, indent: Int = 0) -> [String] {
        let widths = columns.indices.map { index in
            rows.reduce(columns[index].title.width) { max($0, $1[index].text.width) }
        }
        let headings = columns.map { StyledText($0.title, .faint) }
        return ([headings] + rows).map { line($0, widths, traits, indent: indent) }
    }

    private func line(_ cells: [StyledText], _ widths: [Int], _ traits: TerminalTraits, indent: Int) -> String {
        var result = String(repeating: " ", count: indent)
        var used = indent
        for (index, cell) in cells.enumerated() {
            let isLast = index == cells.count - 1
            let room = max(0, traits.columns - used)
            let text = cell.text.fitted(to: room, unicode: traits.hasUnicode)
            let width = text.width
            let blanks = String(repeating: " ", count: max(0, min(widths[index], room) - width))
            let styled = cell.style.applied(to: text, traits)
            result += columns[index].alignment == .left ? styled + blanks : blanks + styled
            used += width + blanks.utf8.count
            if !isLast {
                result += Table.gap
                used += Table.gap.count
            }
        }
        // Blanks at the end would only make lines wrap.
        return result.withoutBlanksAtEnd
    }
}
