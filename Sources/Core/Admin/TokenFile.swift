import AdminServer
import AppConfig
import Glibc
import Linux
import TLS

/// The file that `admin_tokens` names, which root alone may be able to read.
///
/// Blocks: on a thread of its own, not in a task.
struct TokenFile: Sendable {
    let path: String
    let source: SupervisedCertificates
    /// Users to whom it may belong.
    let owners: Set<UInt32>

    func stamp() -> FileStamp? { try? source.stamp(path) }

    func read() -> Result<TokenTable, TokenProblem> {
        do {
            let file = try source.open(path) ?? openFile(path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
            try check(file.number)
            let bytes = try readWholeFile(file.number, limit: TokenTable.largestFile)
            return .success(try TokenTable(file: String(decoding: bytes, as: UTF8.self)))
        } catch let problem as TokenProblem {
            return .failure(problem)
        } catch {
            return .failure(TokenProblem("cannot be read: \((error as? SystemError)?.reason ?? "\(error)")"))
        }
    }

    private func check(_ file: Int32) throws {
        var facts = stat()
        guard fstat(file, &facts) == 0 else { throw SystemError(call: "fstat", subject: path) }
        guard facts.st_mode & S_IFMT == S_IFREG else { throw TokenProblem("is no file") }
        guard facts.st_mode & 0o077 == 0 else {
            throw TokenProblem("other users of this machine may read it: chmod 600 \(path)")
        }
        guard owners.contains(facts.st_uid) else {
            throw TokenProblem("belongs to user id \(facts.st_uid), who is neither root nor the server's user")
        }
    }
}
