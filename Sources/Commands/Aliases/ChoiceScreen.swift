import AdminAPI
import Glibc
import Linux
import Terminal

/// A `ChoiceMenu` on the terminal that the command runs on.
enum ChoiceScreen {
    /// Whether there is somebody to ask.
    static var isThere: Bool { isatty(0) == 1 && isatty(1) == 1 }

    /// The number of what was chosen; nil when nothing was.
    static func ask(_ menu: ChoiceMenu, _ traits: TerminalTraits) throws -> Int? {
        // Before the screen is taken, or one of them could leave it so.
        guard let signals = try? SignalDescriptor([SIGINT, SIGTERM, SIGHUP, SIGWINCH]) else {
            throw ControlError(.internalError, "Signals cannot be received: \(SystemError.describe(errno)).")
        }
        guard var screen = FullScreen.take() else {
            throw ControlError(.usage, "There is no terminal to ask on.")
        }
        var menu = menu
        while screen.isOpen {
            screen.draw(menu.lines(traits, size: screen.size))
            var polled = [0, signals.number].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            poll(&polled, 2, -1)
            while let (signal, _) = try? signals.next() { if signal != SIGWINCH { return nil } }
            guard let keys = screen.keys() else { return nil }
            switch menu.type(keys) {
            case .chosen(let index): return index
            case .cancelled: return nil
            case nil: break
            }
        }
        return nil
    }
}
