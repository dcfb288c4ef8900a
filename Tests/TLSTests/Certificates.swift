import Glibc
import Linux
import Model

/// A directory of certificates, made by the `openssl` command; removed with its owner.
final class Certificates {
    let path: String

    init() throws {
        var template = Array("/tmp/passenger-tls-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError(call: "mkdtemp") }
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    deinit {
        if let directory = try? openFile(path, flags: O_RDONLY | O_DIRECTORY) { emptyDirectory(directory.number) }
        rmdir(path)
    }

    func files(_ name: String) -> CertificateFiles {
        CertificateFiles(chain: "\(path)/\(name).crt", key: "\(path)/\(name).key")
    }

    /// A self-signed pair; `names` as openssl writes them: `DNS:example.com`.
    @discardableResult
    func make(_ name: String, _ names: [String], days: Int = 90, common: String = "test") throws -> CertificateFiles {
        let files = files(name)
        var arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "\(days)",
            "-subj", "/O=Test/CN=\(common)", "-keyout", files.key, "-out", files.chain,
        ]
        if !names.isEmpty { arguments += ["-addext", "subjectAltName=" + names.joined(separator: ",")] }
        try openssl(arguments)
        chmod(files.key, 0o600)
        return files
    }

    func encrypt(_ name: String, traditional: Bool) throws {
        let key = files(name).key
        try openssl(
            ["ec", "-in", key, "-aes128", "-passout", "pass:secret", "-out", key + ".new"],
            or: ["pkcs8", "-topk8", "-in", key, "-passout", "pass:secret", "-out", key + ".new"], first: traditional)
        rename(key + ".new", key)
    }

    private func openssl(_ arguments: [String], or others: [String], first: Bool) throws {
        try openssl(first ? arguments : others)
    }

    private func openssl(_ arguments: [String]) throws {
        let nothing = try openFile("/dev/null", flags: O_RDWR)
        // It gets no other descriptor: pipes of the tests beside this one would not end before it does.
        let process = try spawnProcess(
            path: "/usr/bin/openssl", arguments: ["openssl"] + arguments, environment: [],
            moves: (0...2).map { DescriptorMove(source: nothing.number, target: $0) })
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        guard status == 0 else { throw SystemError(call: "openssl \(arguments[0])", errno: EINVAL) }
    }

    func copy(_ from: String, to: String) throws {
        let bytes = try readFile(from)
        let file = try openFile(to, flags: O_WRONLY | O_CREAT | O_TRUNC)
        try writeAll(file.number, bytes)
    }

    func write(_ text: String, to path: String) throws {
        let file = try openFile(path, flags: O_WRONLY | O_CREAT | O_TRUNC)
        try writeAll(file.number, Array(text.utf8))
    }
}

func wallClock() -> Int64 { Int64(time(nil)) }

func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }
