/// Asks the credential helpers that the deploy user has configured for git, GIT_ASKPASS included, by way of
/// `git credential fill`. git does not have to be installed: then there are none.
enum CredentialHelper {
    struct Answer: Equatable {
        var user: String
        var password: String
    }

    static func fill(url: String, user: String?, cancellation: Cancellation) -> Answer? {
        // Without a helper that answers, git would ask on a terminal that nobody watches.
        guard let child = try? ChildProcess(["git", "credential", "fill"], extraEnvironment: ["GIT_TERMINAL_PROMPT=0"])
        else { return nil }
        // No answer is an answer: the fetch then says that it needs credentials.
        return try? converse(with: child, url: url, user: user, cancellation: cancellation)
    }

    private static func converse(
        with child: ChildProcess, url: String, user: String?, cancellation: Cancellation
    ) throws -> Answer? {
        let question = "url=\(url)\n" + (user.map { "username=\($0)\n" } ?? "") + "\n"
        try Array(question.utf8).withUnsafeBytes { try child.write($0) }
        child.closeInput()
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while answer.count < 65536 {
            guard child.waitForOutput(milliseconds: 30_000, orReadable: cancellation.readable) == .ready else {
                return nil
            }
            let count = try buffer.withUnsafeMutableBytes { try child.read(into: $0) }
            if count == 0 { break }
            answer += buffer[..<count]
        }
        return parse(String(decoding: answer, as: UTF8.self))
    }

    static func parse(_ text: String) -> Answer? {
        var values: [Substring: Substring] = [:]
        for line in text.split(separator: "\n") {
            guard let equals = line.firstIndex(of: "=") else { continue }
            values[line[..<equals]] = line[line.index(after: equals)...]
        }
        guard let user = values["username"], let password = values["password"] else { return nil }
        return Answer(user: String(user), password: String(password))
    }
}
