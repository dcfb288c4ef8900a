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
    let input = try openFile("/dev/null", flags: O_RDONLY)
    // It gets no other descriptor: pipes of the tests beside this one would not end before it does.
    let process = try spawnProcess(
        path: "/usr/bin/env", arguments: ["env"] + words,
        environment: currentEnvironment(),
        moves: [
            DescriptorMove(source: input.number, target: 0), DescriptorMove(source: output, target: 1),
            DescriptorMove(source: output, target: 2),
        ])
    return RunningTool(process: process, outputPath: path)
}

private func currentEnvironment() -> [String] {
    var variables: [String] = []
    var next = environ
    while let variable = next.pointee {
        variables.append(String(cString: variable))
        next += 1
    }
    return variables
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
