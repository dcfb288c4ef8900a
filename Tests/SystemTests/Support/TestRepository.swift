import Foundation
import Glibc
import Linux
import Testing

/// A git repository with a sample app in it, the apps' user's own.
final class TestRepository: Sendable {
    let path: String
    let language: Language
    private let place: Place

    /// Health is `/up`. Times are short, and several times what a slow machine needs.
    static let settings = """
        health:
          path: /up
          deadline: 8s
        start_timeout: 20s
        """
    static let deploySettings = """
        deploy:
          bake: 1s
        """

    init(_ language: Language, in place: Place, named name: String = "repo") throws {
        self.language = language
        self.place = place
        path = try place.copyApp(language, as: name)
        try git("init", "-q", "-b", "main")
        try write("Passengerfile.yml", passengerfile())
        try commit("version 1")
    }

    /// Of an app of its own ways, with the settings that it has as a whole.
    init(copying app: String, _ passengerfile: String, in place: Place) throws {
        language = .generic
        self.place = place
        path = try place.copyApp(at: app, as: "repo")
        try git("init", "-q", "-b", "main")
        try write("Passengerfile.yml", passengerfile)
        try commit("version 1")
    }

    /// `deploy` is put into the section of that name.
    func passengerfile(deploy: String = "") -> String {
        let start = language == .generic ? text(of: "\(SourceTree.path)/Tests/apps/generic/Passengerfile.yml") : ""
        return "\(start)\n\(Self.settings)\n\(Self.deploySettings)\n\(deploy)\n"
    }

    func write(_ name: String, _ contents: String) throws {
        try contents.write(toFile: "\(path)/\(name)", atomically: false, encoding: .utf8)
        AppUser.own(path)
    }

    var startupCode: String { text(of: "\(SourceTree.path)/Tests/apps/\(language.rawValue)/\(language.startupFile)") }

    @discardableResult
    func commit(_ message: String = "change") throws -> String {
        AppUser.own(path)
        try git("add", "-A")
        try git("commit", "-q", "--allow-empty", "-m", message)
        return try git("rev-parse", "HEAD").trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// A commit in which the app says that it is this version.
    @discardableResult
    func commitVersion(_ version: Int) throws -> String {
        try write("version.txt", "\(version)\n")
        return try commit("version \(version)")
    }

    /// A commit whose root has a directory of a name that git's own commands refuse to add.
    func commitTree(named name: String, holding file: String) throws {
        let blob = try git("hash-object", "-w", "version.txt").trimmed
        let inner = try objectOfTree("100644 blob \(blob)\t\(file)\n")
        let base = try git("ls-tree", "HEAD")
        let outer = try objectOfTree(base + "040000 tree \(inner)\t\(name)\n")
        let parent = try git("rev-parse", "HEAD").trimmed
        let commit = try git("commit-tree", outer, "-p", parent, "-m", "a tree with \(name)").trimmed
        try git("update-ref", "refs/heads/main", commit)
    }

    /// Written as an object, since `git mktree` checks names.
    private func objectOfTree(_ lines: String) throws -> String {
        var bytes: [UInt8] = []
        for line in lines.split(separator: "\n") {
            let parts = line.split(separator: "\t")
            let fields = parts[0].split(separator: " ")
            bytes += Array("\(fields[0].drop { $0 == "0" }) \(parts[1])".utf8) + [0]
            bytes += stride(from: 0, to: fields[2].count, by: 2).map { offset in
                let start = fields[2].index(fields[2].startIndex, offsetBy: offset)
                return UInt8(fields[2][start...].prefix(2), radix: 16) ?? 0
            }
        }
        let path = "\(path)/.git/tree-object"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        AppUser.own("\(self.path)/.git")
        return try git("hash-object", "-t", "tree", "-w", "--literally", path).trimmed
    }

    @discardableResult
    func git(_ arguments: String...) throws -> String {
        var environment = ProcessInfo.plainEnvironment
        environment["HOME"] = path
        for role in ["AUTHOR", "COMMITTER"] {
            environment["GIT_\(role)_NAME"] = "Test"
            environment["GIT_\(role)_EMAIL"] = "test@example.com"
        }
        let command = AppUser.command(["git", "-C", path] + arguments)
        let end = try Program(command, environment: environment, in: place).wait(within: .seconds(60))
        try #require(end.status == 0, "git \(arguments): \(end.everything)")
        return end.output
    }
}

extension String {
    var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
}
