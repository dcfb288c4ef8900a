/// One of several things, chosen with the arrow keys. Pure: what a terminal shows and what keys do to it.
package struct ChoiceMenu: Sendable {
    package enum Answer: Sendable, Equatable {
        case chosen(Int)
        case cancelled
    }

    private enum Key: Equatable { case up, down, first, last, enter, cancel }

    private static let cancel = "Cancel"
    private let title: String
    private let tip: String
    /// The last is not to choose any.
    private let choices: [String]
    private(set) var pointer = 0
    /// The beginning of a key's sequence whose rest has not come yet.
    private var pending: [UInt8] = []

    package init(title: String, tip: String, choices: [String]) {
        self.title = title
        self.tip = tip
        self.choices = choices + [Self.cancel]
    }

    /// Nil while nothing has been chosen.
    package mutating func type(_ bytes: [UInt8]) -> Answer? {
        pending += bytes
        while let (key, length) = Self.key(pending[...]) {
            pending.removeFirst(length)
            switch key {
            case .up: pointer = max(0, pointer - 1)
            case .down: pointer = min(choices.count - 1, pointer + 1)
            case .first: pointer = 0
            case .last: pointer = choices.count - 1
            case .enter: return pointer == choices.count - 1 ? .cancelled : .chosen(pointer)
            case .cancel: return .cancelled
            case nil: break
            }
        }
        return nil
    }

    package func lines(_ traits: TerminalTraits, size: ScreenSize) -> [String] {
        // One column is left free: writing into the last one wraps on some terminals.
        let width = max(1, size.columns - 1)
        func shown(_ text: String, _ style: Style) -> String {
            style.applied(to: text.showable.fitted(to: width, unicode: traits.hasUnicode), traits)
        }
        let head = [shown(title, .strong), shown(tip, .faint), ""]
        let room = max(1, size.rows - head.count - 1)
        let first = max(0, min(pointer - room / 2, choices.count - room))
        let mark = traits.hasUnicode ? "‣" : ">"
        let rows = choices.enumerated().dropFirst(first).prefix(room).map { index, choice in
            index == pointer ? shown(" \(mark) \(choice)", .strong) : shown("   \(choice)", .plain)
        }
        return head + rows
    }

    /// The key that `bytes` begin with, nil for one that means nothing here, and how many bytes it is. Nil when there is none, or not
    /// the whole of one. Escape alone is what a sequence begins with, so it does nothing: q and Ctrl-C leave.
    private static func key(_ bytes: ArraySlice<UInt8>) -> (key: Key?, length: Int)? {
        guard let first = bytes.first else { return nil }
        switch first {
        case 13, 10: return (.enter, 1)
        case 3, 4, UInt8(ascii: "q"), UInt8(ascii: "Q"): return (.cancel, 1)
        case UInt8(ascii: "k"): return (.up, 1)
        case UInt8(ascii: "j"): return (.down, 1)
        case 27: break
        default: return (nil, 1)
        }
        // ECMA-48, 5.4: parameters, then one final byte. Cursor keys have O in the place of [ in another mode (DECCKM).
        let rest = bytes.dropFirst()
        guard let second = rest.first else { return nil }
        guard second == UInt8(ascii: "[") || second == UInt8(ascii: "O") else { return (nil, 1) }
        guard let end = rest.dropFirst().firstIndex(where: { (0x40...0x7E).contains($0) }) else { return nil }
        let length = end - bytes.startIndex + 1
        switch bytes[end] {
        case UInt8(ascii: "A"): return (.up, length)
        case UInt8(ascii: "B"): return (.down, length)
        case UInt8(ascii: "H"): return (.first, length)
        case UInt8(ascii: "F"): return (.last, length)
        default: return (nil, length)
        }
    }
}
