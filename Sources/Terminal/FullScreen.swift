import Glibc

/// The whole terminal, while it is drawn on: the alternate screen, so that what was there comes back, without a cursor and with
/// keys as they are pressed. The end of this value gives it back as it was found.
package struct FullScreen: ~Copyable {
    private let input: Int32
    private let output: Int32
    private let found: termios

    /// Nil when one of the descriptors is no terminal.
    package static func take(input: Int32 = 0, output: Int32 = 1) -> FullScreen? {
        guard isatty(output) == 1 else { return nil }
        var found = termios()
        guard tcgetattr(input, &found) == 0 else { return nil }
        var mode = found
        // Neither lines nor signals are made of keys: Ctrl-C is one like any other, and Ctrl-Z would leave the terminal like this.
        mode.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG | IEXTEN)
        mode.c_iflag &= ~tcflag_t(IXON | ICRNL)
        withUnsafeMutableBytes(of: &mode.c_cc) { keys in
            keys[Int(VMIN)] = 0
            keys[Int(VTIME)] = 0
        }
        guard tcsetattr(input, TCSADRAIN, &mode) == 0 else { return nil }
        return FullScreen(input: input, output: output, found: found)
    }

    private init(input: Int32, output: Int32, found: termios) {
        self.input = input
        self.output = output
        self.found = found
        isOpen = write(ScreenText.enter)
    }

    /// False once the terminal takes nothing any more.
    package private(set) var isOpen = true

    /// Columns and rows, as the kernel has them now.
    package var size: ScreenSize {
        var size = winsize()
        guard ioctl(output, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return ScreenSize(columns: 80, rows: 24)
        }
        return ScreenSize(columns: Int(size.ws_col), rows: Int(size.ws_row))
    }

    /// In the place of what is there; of too many lines the first.
    package mutating func draw(_ lines: [String]) {
        isOpen = write(ScreenText.frame(lines.prefix(size.rows))) && isOpen
    }

    /// What was typed, without waiting. Nil at the terminal's end.
    package mutating func keys() -> [UInt8]? {
        var polled = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
        guard poll(&polled, 1, 0) > 0 else { return [] }
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = read(input, &buffer, buffer.count)
        if count > 0 { return Array(buffer.prefix(count)) }
        if count < 0, errno == EINTR || errno == EAGAIN { return [] }
        return nil
    }

    deinit {
        _ = write(ScreenText.leave)
        var mode = found
        tcsetattr(input, TCSADRAIN, &mode)
    }

    private func write(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { Glibc.write(output, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }
}

package struct ScreenSize: Sendable, Equatable {
    package var columns: Int
    package var rows: Int
    package init(columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
    }
}

/// The few sequences that every terminal with an alternate screen knows (ECMA-48, and xterm's private modes 1049 and 25).
enum ScreenText {
    static let enter = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[H\u{1B}[2J"
    static let leave = "\u{1B}[?25h\u{1B}[?1049l"

    /// Each line over the one that was there, and nothing below the last. The last is not ended: that would scroll.
    static func frame(_ lines: some Sequence<String>) -> String {
        "\u{1B}[H" + lines.map { "\($0)\u{1B}[K" }.joined(separator: "\r\n") + "\u{1B}[J"
    }
}
