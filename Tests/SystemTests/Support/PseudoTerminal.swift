/// Runs a command on a terminal of 80 columns and 24 lines of its own, and passes on what it writes there.
enum PseudoTerminal {
    /// Put before the command line. INT and TERM go on to the command; its exit status is this one's.
    static let wrapper = ["python3", "-c", program]
    static let variables = ["TERM": "xterm-256color", "LANG": "C.UTF-8"]

    private static let program = """
        import fcntl, os, pty, signal, struct, sys, termios
        pid, terminal = pty.fork()
        if pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
            os.execvp(sys.argv[1], sys.argv[1:])
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: os.kill(pid, number))
        while True:
            try: data = os.read(terminal, 65536)
            except OSError: break
            if not data: break
            os.write(1, data)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        """

    /// As a person reads it: without colours, one entry a line.
    static func lines(_ output: String) -> [String] {
        var text = ""
        var rest = output.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            guard scalar == "\u{1B}" else {
                if scalar != "\r" { text.unicodeScalars.append(scalar) }
                continue
            }
            // A control sequence ends with its first letter.
            while let next = rest.popFirst(), !("A"..."Z").contains(next), !("a"..."z").contains(next) {}
        }
        return text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }
}

extension TestServer {
    /// For the server here, on a terminal of 80 columns.
    func onTerminal(_ arguments: String...) throws -> Program.End {
        try begin(arguments, adding: PseudoTerminal.variables, behind: PseudoTerminal.wrapper)
            .wait(within: .seconds(180), "passenger \(arguments.joined(separator: " ")) on a terminal")
    }
}
