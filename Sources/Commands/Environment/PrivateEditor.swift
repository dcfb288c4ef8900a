import AdminAPI
import AdminClient
import Glibc
import Linux
import Model

/// Lets a person edit a text that nobody else may see: in a file of mode 0600, in a directory of mode 0700 that is gone
/// afterwards, in memory where there is such a file system.
struct PrivateEditor {
    let environment: [String: String]

    func edit(_ text: String) throws(ControlError) -> String {
        let command = try command()
        do throws(SystemError) {
            let directory = try makeDirectory()
            let path = "\(directory)/env"
            defer { remove(directory) }
            let file = try openFile(path, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
            try writeAll(file.number, Array(text.utf8))
            let end = try run(command + [path])
            guard end == .exited(0) else {
                throw SystemError(call: "\(command[0]) (\(end))", errno: ECANCELED)
            }
            let bytes = try readFile(path, limit: 1 << 20)
            guard let edited = String(validating: bytes, as: UTF8.self) else {
                throw SystemError(call: "read", errno: EILSEQ, subject: path)
            }
            return edited
        } catch {
            throw ControlError(.failed, "The env file was not edited, and is as it was: \(error).")
        }
    }

    /// `code --wait` is a command with an argument; a shell does not see it.
    private func command() throws(ControlError) -> [String] {
        let text = ["VISUAL", "EDITOR"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? "vi"
        guard let words = ShellWords.split(text), let program = words.first else {
            throw ControlError(.usage, "EDITOR is more than a command and its arguments: \(text)")
        }
        if program.contains("/") { return words }
        let path = environment["PATH"] ?? "/usr/bin:/bin"
        let places = path.split(separator: ":").map { "\($0)/\(program)" }
        guard let found = places.first(where: { access($0, X_OK) == 0 }) else {
            throw ControlError(.usage, "There is no editor \(program).", hint: "Set EDITOR.")
        }
        return [found] + words.dropFirst()
    }

    private func makeDirectory() throws(SystemError) -> String {
        let base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : environment["TMPDIR"] ?? "/tmp"
        var template = Array("\(base)/passenger-env-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError(call: "mkdtemp", errno: errno, subject: base) }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Some editors leave a copy beside the file.
    private func remove(_ directory: String) {
        if let handle = opendir(directory) {
            while let entry = readdir(handle) {
                withUnsafePointer(to: &entry.pointee.d_name.0) { name in
                    _ = unlinkat(dirfd(handle), name, 0)
                }
            }
            closedir(handle)
        }
        rmdir(directory)
    }

    private func run(_ command: [String]) throws(SystemError) -> ExitReason {
        let pid = try spawnProcess(
            path: command[0], arguments: command, environment: environment.map { "\($0.key)=\($0.value)" },
            moves: [0, 1, 2].map { DescriptorMove(source: $0, target: $0) })
        // It leads a group of its own, and only the terminal's foreground group may read from it (tcsetpgrp(3)).
        let isTerminal = isatty(0) == 1
        if isTerminal {
            signal(SIGTTOU, SIG_IGN)
            tcsetpgrp(0, pid)
            kill(pid, SIGCONT)
        }
        defer { if isTerminal { tcsetpgrp(0, getpgrp()) } }
        return try waitForChild(pid)
    }
}
