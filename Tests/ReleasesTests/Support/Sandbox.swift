import Foundation

@testable import Releases

/// A temporary directory with a git repository to fetch from and a deploy root to build in. Deleted when it goes.
final class Sandbox {
    let path: String
    var source: String { "\(path)/source" }
    var root: String { "\(path)/root" }

    init(bare: Bool = false) throws {
        path = NSTemporaryDirectory() + "releases-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: source, withIntermediateDirectories: true)
        try git("init", "-q", "-b", "main")
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    func git(_ arguments: String..., input: [UInt8] = []) throws -> String {
        try run(["git", "-C", source] + arguments, input: input)
    }

    @discardableResult
    func run(_ arguments: [String], input: [UInt8] = []) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(Sandbox.identity) { $1 }
        let inputFile = "\(path)/.input"
        try Data(input).write(to: URL(fileURLWithPath: inputFile))
        process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: inputFile))
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let said = try errors.fileHandleForReading.readToEnd() ?? Data()
            throw CommandFailed(text: arguments.joined(separator: " ") + ": " + String(decoding: said, as: UTF8.self))
        }
        return String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .newlines)
    }

    struct CommandFailed: Error { var text: String }

    private static let identity = [
        "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com", "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.com", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
    ]

    func write(_ name: String, _ text: String = "text\n", executable: Bool = false) throws {
        let file = "\(source)/\(name)"
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        try FileManager.default.setAttributes([.posixPermissions: executable ? 0o755 : 0o644], ofItemAtPath: file)
    }

    func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: "\(source)/\(name)", withDestinationPath: target)
    }

    @discardableResult
    func commit(_ subject: String = "a change") throws -> CommitID {
        try git("add", "-A")
        try git("commit", "-q", "--allow-empty", "-m", subject)
        return try head()
    }

    func head(_ name: String = "HEAD") throws -> CommitID {
        try commitID(git("rev-parse", "\(name)^{commit}"))
    }

    private func commitID(_ text: String) throws -> CommitID {
        guard let id = CommitID(text) else { throw CommandFailed(text: "not a commit: \(text)") }
        return id
    }

    // MARK: Trees that git itself would not make

    struct RawEntry {
        var mode: String
        var name: [UInt8]
        var hex: String
        init(_ mode: String, _ name: String, _ hex: String) { self.init(mode, Array(name.utf8), hex) }
        init(_ mode: String, _ name: [UInt8], _ hex: String) {
            self.mode = mode
            self.name = name
            self.hex = hex
        }
    }

    func blob(_ text: String) throws -> String { try git("hash-object", "-w", "--stdin", input: Array(text.utf8)) }

    /// Written byte by byte: `mode SP name NUL id`.
    func tree(_ entries: [RawEntry]) throws -> String {
        var bytes: [UInt8] = []
        for entry in entries {
            bytes += Array("\(entry.mode) ".utf8) + entry.name + [0]
            let digits = Array(entry.hex)
            bytes += stride(from: 0, to: 40, by: 2).compactMap { UInt8(String(digits[$0...($0 + 1)]), radix: 16) }
        }
        return try git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", input: bytes)
    }

    func commit(tree: String) throws -> CommitID {
        let id = try commitID(git("commit-tree", tree, "-m", "made by hand"))
        try git("update-ref", "refs/heads/main", id.rawValue)
        return id
    }
}
