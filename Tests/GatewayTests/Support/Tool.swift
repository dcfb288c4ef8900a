import Glibc
import Linux
import Model
import TLS

/// A program that was run to its end.
struct ToolResult {
    var status: Int32
    var output: String
}

/// Runs a client that is not ours; it blocks. What it reads from standard input is nothing.
func runTool(_ words: [String], in directory: String) throws -> ToolResult {
    let started = try startTool(words, in: directory)
    return try started.wait()
}

/// A program under way; its output, errors included, goes to a file.
struct RunningTool {
    let process: pid_t
    let outputPath: String

    func wait() throws -> ToolResult {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        let output = String(decoding: try readFile(outputPath), as: UTF8.self)
        unlink(outputPath)
        return ToolResult(status: status & 0x7f == 0 ? status >> 8 & 0xff : -1, output: output)
    }
}

func startTool(_ words: [String], in directory: String) throws -> RunningTool {
    var template = Array("\(directory)/tool-XXXXXX".utf8CString)
    let output = mkstemp(&template)
    guard output >= 0 else { throw SystemError(call: "mkstemp") }
    defer { close(output) }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    posix_spawn_file_actions_adddup2(&actions, output, 2)
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    arguments.append(nil)
    defer { arguments.forEach { free($0) } }
    var process: pid_t = 0
    let error = posix_spawnp(&process, words[0], &actions, nil, arguments, environ)
    guard error == 0 else { throw SystemError(call: "posix_spawnp \(words[0])", errno: error) }
    return RunningTool(process: process, outputPath: path)
}

/// Self-signed pairs, made by the `openssl` command.
func makeCertificates(_ names: [String], in directory: String) throws -> CertificateStore {
    var settings = TLSSettings()
    for name in names {
        let files = CertificateFiles(chain: "\(directory)/\(name).crt", key: "\(directory)/\(name).key")
        let result = try runTool(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days",
                "2", "-subj", "/CN=\(name)", "-addext", "subjectAltName=DNS:\(name)", "-keyout", files.key, "-out",
                files.chain,
            ], in: directory)
        guard result.status == 0 else { throw TestFailure("openssl: \(result.output)") }
        chmod(files.key, 0o600)
        settings.certificates.append(files)
    }
    return CertificateStore(settings, now: monotonicNow(), unixSeconds: Int64(time(nil)))
}
