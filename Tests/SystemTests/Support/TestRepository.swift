import Foundation
import Glibc
import Linux
import Testing

/// A git repository with a sample app in it, the apps' user's own.
final class TestRepository: Sendable {
    let path: String
    let language: Language
    private let place: Place

    /// Health is `/up`, times are short.
    static let settings = """
        health:
          path: /up
        start_timeout: 5s
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

    @discardableResult
    func git(_ arguments: String...) throws -> String {
        var environment = ProcessInfo.plainEnvironment
        environment["HOME"] = path
        for role in ["AUTHOR", "COMMITTER"] {
            environment["GIT_\(role)_NAME"] = "Test"
            environment["GIT_\(role)_EMAIL"] = "test@example.com"
        }
        let command = AppUser.command(["git", "-C", path] + arguments)
        let end = try Program(command, environment: environment, in: place).wait(within: .seconds(20))
        try #require(end.status == 0, "git \(arguments): \(end.everything)")
        return end.output
    }
}
