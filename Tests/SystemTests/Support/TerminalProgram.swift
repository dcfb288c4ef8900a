import Foundation
import Glibc
import Linux
import Model
import Testing

/// A program on a terminal of its own, and what that shows. Killed when the test lets go of it.
final class TerminalProgram {
    private let master: Int32
    private let slave: Int32
    let pid: Int32
    private let process: Int32
    private var end: ExitReason?
    private(set) var screen: TestScreen

    init(
        _ command: [String], environment: [String: String], columns: Int = 80, rows: Int = 24
    ) throws {
        let master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var (locked, number): (Int32, UInt32) = (0, 0)
        // ioctl_tty(2); the header's macros are not to be had here.
        let (setLock, getNumber): (UInt, UInt) = (0x4004_5431, 0x8004_5430)
        try #require(ioctl(master, setLock, &locked) == 0 && ioctl(master, getNumber, &number) == 0, "no terminal")
        let slave = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
        try #require(slave >= 0, "no terminal")
        (self.master, self.slave) = (master, slave)
        screen = TestScreen(columns: columns, rows: rows)
        TerminalProgram.setSize(master, columns, rows)
        var environment = environment
        environment["TERM"] = "xterm-256color"
        environment["LANG"] = "C.UTF-8"
        let command = ["setpriv", "--pdeathsig", "KILL"] + command
        pid = try spawnProcess(
            path: "/usr/bin/setpriv", arguments: command, environment: environment.map { "\($0.key)=\($0.value)" },
            moves: (0...2).map { .init(source: slave, target: $0) })
        process = try pidfdOpen(pid: pid).release()
    }

    deinit {
        if end == nil {
            kill(pid, SIGKILL)
            _ = try? waitForChild(pid)
        }
        for descriptor in [master, slave, process] { close(descriptor) }
    }

    private static func setSize(_ terminal: Int32, _ columns: Int, _ rows: Int) {
        var size = winsize()
        size.ws_col = UInt16(columns)
        size.ws_row = UInt16(rows)
        _ = ioctl(terminal, UInt(TIOCSWINSZ), &size)
    }

    /// As a window that is drawn larger or smaller. The program has no controlling terminal, so the signal is sent by hand.
    func resize(columns: Int, rows: Int) {
        TerminalProgram.setSize(master, columns, rows)
        screen.resize(columns: columns, rows: rows)
        kill(pid, SIGWINCH)
    }

    func type(_ text: String) { _ = text.withCString { write(master, $0, strlen($0)) } }
    func signal(_ number: Int32) { kill(pid, number) }

    /// Every flag and key of the terminal's mode.
    var mode: [UInt8] {
        var mode = termios()
        tcgetattr(slave, &mode)
        return withUnsafeBytes(of: &mode) { Array($0) }
    }

    /// Shows what has come until now.
    func look() {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while waitReadable(master, within: .zero) {
            let count = read(master, &buffer, buffer.count)
            guard count > 0 else { return }
            screen.show(buffer[..<count])
        }
    }

    func wait(for what: String, within limit: Duration = .seconds(60), _ condition: (TestScreen) -> Bool) throws {
        try eventually(what, within: limit, evidence: { self.screen.text }) {
            look()
            return condition(screen)
        }
    }

    /// Nil when a signal ended it.
    func waitForEnd(within limit: Duration = .seconds(30)) throws -> Int32? {
        guard waitReadable(process, within: limit) else {
            throw TimedOut(what: "the end of \(pid)", evidence: screen.text)
        }
        let reason = try waitForChild(pid)
        end = reason
        look()
        if case .exited(let status) = reason { return Int32(status) }
        return nil
    }
}

/// What a terminal shows of the few sequences that are used here.
struct TestScreen {
    private(set) var rows: [[Character]]
    private(set) var isAlternate = false
    private(set) var hasCursor = true
    /// A line was longer than the screen is wide, or there were more than it has: on a real one all would have moved.
    private(set) var overflows = false
    /// Sequences that are not known here.
    private(set) var unknown: [String] = []
    private var columns: Int
    private var row = 0
    private var column = 0
    private var pending: [UInt8] = []

    init(columns: Int, rows: Int) {
        self.columns = columns
        self.rows = Array(repeating: [], count: rows)
    }

    var lines: [String] { rows.map { String($0) } }
    var text: String { lines.joined(separator: "\n") }

    mutating func resize(columns: Int, rows: Int) {
        self = TestScreen(columns: columns, rows: rows)
        isAlternate = true
        hasCursor = false
    }

    mutating func show(_ bytes: some Sequence<UInt8>) {
        pending += bytes
        // What is not whole yet waits for the rest of it.
        guard let text = String(validating: pending, as: UTF8.self) else { return }
        pending = []
        var rest = Substring(text.unicodeScalars.map { String($0) }.joined())
        while let scalar = rest.unicodeScalars.first {
            if scalar == "\u{1B}" {
                guard let end = rest.dropFirst(2).firstIndex(where: { $0.isLetter }) else {
                    pending = Array(rest.utf8)
                    return
                }
                sequence(String(rest[...end].dropFirst(2)))
                rest = rest[rest.index(after: end)...]
                continue
            }
            rest.unicodeScalars.removeFirst()
            put(scalar)
        }
    }

    private mutating func put(_ scalar: Unicode.Scalar) {
        switch scalar {
        case "\r": column = 0
        case "\n":
            row += 1
            if row >= rows.count {
                overflows = overflows || isAlternate
                row = rows.count - 1
            }
        default:
            guard column < columns else { return overflows = true }
            while rows[row].count <= column { rows[row].append(" ") }
            rows[row][column] = Character(scalar)
            column += 1
        }
    }

    private mutating func sequence(_ text: String) {
        switch text {
        case "?1049h": isAlternate = true
        case "?1049l": isAlternate = false
        case "?25h": hasCursor = true
        case "?25l": hasCursor = false
        case "H": (row, column) = (0, 0)
        case "2J": rows = Array(repeating: [], count: rows.count)
        case "K": rows[row] = Array(rows[row].prefix(column))
        case "J":
            rows[row] = Array(rows[row].prefix(column))
            for below in rows.indices where below > row { rows[below] = [] }
        default: if !text.hasSuffix("m") { unknown.append(text) }
        }
    }
}
