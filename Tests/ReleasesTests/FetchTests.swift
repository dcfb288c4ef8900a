import Foundation
import Testing

@testable import Releases

@Suite struct FetchTests {
    let builder: InProcess
    let sandbox: Sandbox

    init() throws {
        builder = try InProcess()
        sandbox = try Sandbox()
    }

    @Test func withoutARefTheDefaultBranchIsTaken() throws {
        try sandbox.git("checkout", "-q", "-b", "trunk")
        try sandbox.write("a")
        let commit = try sandbox.commit("The first\n\nand more")
        let info = try builder.fetch(sandbox)
        #expect(info.id == commit)
        #expect(info.ref == "refs/heads/trunk")
        #expect(info.defaultBranch == "trunk")
        #expect(info.author == "Ada")
        #expect(info.subject == "The first")
        #expect(try builder.resolve(sandbox, "HEAD").id == commit)
    }

    @Test func branchesTagsAndIdsOfAnyLengthLeadToTheirCommit() throws {
        let first = try sandbox.commit("one")
        try sandbox.git("tag", "v1")
        try sandbox.git("tag", "-a", "v1-signed", "-m", "annotated")
        try sandbox.git("branch", "feature/login")
        let second = try sandbox.commit("two")
        #expect(try builder.fetch(sandbox, "main").id == second)
        for name in ["v1", "v1-signed", "feature/login", "refs/tags/v1", "refs/heads/feature/login"] {
            #expect(try builder.resolve(sandbox, name).id == first)
        }
        #expect(try builder.resolve(sandbox, "v1-signed").ref == "refs/tags/v1-signed")
        for length in [4, 7, 12, 40] {
            let info = try builder.resolve(sandbox, String(first.rawValue.prefix(length)))
            #expect(info.id == first)
            #expect(info.ref == nil)
        }
        #expect(try builder.resolve(sandbox, first.rawValue.uppercased()).id == first)
    }

    @Test func whatMovesOrGoesOnTheRemoteMovesAndGoesInTheMirror() throws {
        let first = try sandbox.commit("one")
        try sandbox.git("tag", "v1")
        try sandbox.git("branch", "gone")
        try sandbox.git("branch", "a")
        #expect(try builder.fetch(sandbox, "v1").id == first)

        let second = try sandbox.commit("two")
        try sandbox.git("tag", "-f", "v1")
        try sandbox.git("branch", "-D", "gone", "a")
        try sandbox.git("branch", "a/b")
        #expect(try builder.fetch(sandbox, "v1").id == second)
        #expect(try builder.resolve(sandbox, "a/b").id == second)
        #expect(try failure { _ = try builder.resolve(sandbox, "gone") }.code == .unknownRef)
        // The commit that a running release came from is still there.
        #expect(try builder.resolve(sandbox, first.rawValue).id == first)

        try sandbox.git("reset", "-q", "--hard", first.rawValue)
        #expect(try builder.fetch(sandbox, "main").id == first)
    }

    @Test func anUnknownRefNamesItsNeighbours() throws {
        try sandbox.commit()
        let error = try failure { try builder.fetch(sandbox, "mian") }
        #expect(error.code == .unknownRef)
        #expect(error.message.contains("mian"))
        #expect(error.hint == "did you mean main?")
    }

    @Test func aNameForTwoCommitsIsNotGuessed() throws {
        try sandbox.commit("one")
        try sandbox.git("tag", "release")
        try sandbox.git("branch", "release")
        #expect(try builder.fetch(sandbox, "release").ref == "refs/heads/release")
        try sandbox.commit("two")
        try sandbox.git("branch", "-f", "release")
        let error = try failure { try builder.fetch(sandbox, "release") }
        #expect(error.code == .ambiguousRef)
        #expect(error.hint?.contains("refs/tags/release") == true)
    }

    @Test func anEmptyRepositorySaysSo() throws {
        #expect(try failure { try builder.fetch(sandbox) }.code == .emptyRepository)
    }

    @Test func aHeadThatNamesNoBranchIsNoDefault() throws {
        try sandbox.commit()
        try sandbox.git("branch", "-m", "trunk")
        try sandbox.git("symbolic-ref", "HEAD", "refs/heads/nothing")
        let error = try failure { try builder.fetch(sandbox) }
        #expect(error.code == .unknownRef)
        #expect(error.hint?.contains("trunk") == true)
        #expect(try builder.resolve(sandbox, "trunk").defaultBranch == nil)
    }

    @Test func aPathWithoutARepositoryIsUnreachable() throws {
        _ = try builder(.prepareRoot(root: sandbox.root))
        // A path is no answer of a web server.
        let numbers = "\(sandbox.path)/401-403-404"
        try FileManager.default.createDirectory(atPath: numbers, withIntermediateDirectories: true)
        for url in [
            "\(sandbox.path)/nowhere", "file://\(sandbox.path)", "file://\(numbers)", "https://127.0.0.1:1/a.git",
        ] {
            let error = try failure { _ = try builder(.fetch(root: sandbox.root, url: url, ref: nil)) }
            #expect(error.code == .unreachable, "\(url): \(error)")
        }
    }

    @Test func theMirrorHasItsOwnObjectsAndRemembersNoURL() throws {
        let commit = try sandbox.commit()
        try sandbox.run(["git", "clone", "-q", "--shared", "--bare", sandbox.source, "\(sandbox.path)/borrower"])
        _ = try builder(.prepareRoot(root: sandbox.root))
        _ = try builder(.fetch(root: sandbox.root, url: "\(sandbox.path)/borrower", ref: nil))
        try FileManager.default.removeItem(atPath: sandbox.source)
        #expect(try builder.resolve(sandbox, nil).id == commit)
        try builder.checkout(sandbox, 1, commit)
        let config = try String(contentsOfFile: "\(sandbox.root)/repo.git/config", encoding: .utf8)
        #expect(!config.contains("remote"))
    }

    @Test func locksAndHalfPacksOfAKilledFetchDoNotStopTheNext() throws {
        try sandbox.commit("one")
        try builder.fetch(sandbox)
        let mirror = "\(sandbox.root)/repo.git"
        for name in ["HEAD.lock", "refs/heads/main.lock", "objects/pack/pack_git2_abc123"] {
            #expect(FileManager.default.createFile(atPath: "\(mirror)/\(name)", contents: Data()))
        }
        let commit = try sandbox.commit("two")
        #expect(try builder.fetch(sandbox).id == commit)
        #expect(!FileManager.default.fileExists(atPath: "\(mirror)/objects/pack/pack_git2_abc123"))
    }
}
