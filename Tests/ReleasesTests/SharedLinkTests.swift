import Foundation
import Testing

@testable import Releases

@Suite struct SharedLinkTests {
    let builder: InProcess
    let sandbox: Sandbox
    private let files = FileManager.default

    init() throws {
        builder = try InProcess()
        sandbox = try Sandbox()
    }

    private func release(_ number: Int = 1) throws -> CheckedOutRelease {
        let commit = try sandbox.commit()
        try builder.fetch(sandbox)
        return try builder.checkout(sandbox, number, commit)
    }

    private func link(_ release: CheckedOutRelease, _ paths: String...) throws -> [SharedLink.Counterpart] {
        let request = BuilderRequest.link(root: sandbox.root, release: release.name, shared: paths)
        guard case .linked(let links) = try builder(request) else { return [] }
        #expect(links.count == paths.count)
        return links.map(\.counterpart)
    }

    private func text(_ path: String) throws -> String {
        try String(contentsOfFile: "\(sandbox.root)/\(path)", encoding: .utf8)
    }

    @Test func whatIsNowhereIsMadeAndLinked() throws {
        let release = try release()
        let made = try link(release, "log", ".env", "public/uploads/", "config/master.key")
        #expect(made == [.createdDirectory, .createdFile, .createdDirectory, .createdFile])
        try Data("x".utf8).write(to: URL(fileURLWithPath: "\(release.path)/public/uploads/a"))
        #expect(try text("shared/public/uploads/a") == "x")
        #expect(try files.destinationOfSymbolicLink(atPath: "\(release.path)/log") == "../../shared/log")
        let mode = try files.attributesOfItem(atPath: "\(sandbox.root)/shared/.env")[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test func linkingAgainChangesNothing() throws {
        let release = try release()
        _ = try link(release, "log", "a/b.txt")
        #expect(try link(release, "log", "a/b.txt") == [.existing, .existing])
    }

    @Test func whatTheFirstReleaseTracksBecomesTheSharedContent() throws {
        try sandbox.write("data/seed.txt", "first")
        try sandbox.write("config/app.yml", "one")
        let first = try release(1)
        #expect(try link(first, "data", "config/app.yml") == [.seeded, .seeded])
        #expect(try text("shared/data/seed.txt") == "first")
        #expect(try text("releases/\(first.name)/config/app.yml") == "one")

        try sandbox.write("config/app.yml", "two")
        let second = try release(2)
        #expect(try link(second, "data", "config/app.yml") == [.existing, .existing])
        #expect(try text("releases/\(second.name)/config/app.yml") == "one")
    }

    @Test func anEmptySharedDirectoryIsSeededAndAPlaceholderSeedsNothing() throws {
        try sandbox.write("data/seed.txt", "first")
        try sandbox.write("log/.keep", "")
        let release = try release()
        try files.createDirectory(atPath: "\(sandbox.root)/shared/data", withIntermediateDirectories: true)
        #expect(try link(release, "data", "log") == [.seeded, .createdDirectory])
        #expect(try files.contentsOfDirectory(atPath: "\(sandbox.root)/shared/log").isEmpty)
    }

    @Test(arguments: ["../x", "/etc", "a/../b", "", "/", ".", "a//b"])
    func pathsOutOfTheReleaseAreRefused(path: String) throws {
        #expect(try failure { _ = try SharedPath(path) }.code == .invalidRequest)
    }

    @Test func pathsInsideEachOtherAreRefused() throws {
        #expect(try failure { _ = try SharedPath.parse(["log", "log/app"]) }.code == .invalidRequest)
        #expect(try SharedPath.parse(["./log", "log/", "logs"]).map(\.text) == ["log", "logs"])
    }

    @Test func aTrackedLinkOnTheWayIsNotFollowed() throws {
        try sandbox.write("real/file")
        try sandbox.link("way", to: "real")
        let release = try release()
        #expect(throws: BuilderFailure.self) { try link(release, "way/data") }
        #expect(!files.fileExists(atPath: "\(release.path)/real/data"))
    }
}
