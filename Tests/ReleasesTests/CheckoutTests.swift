import Foundation
import Model
import Testing

@testable import Releases

@Suite struct CheckoutTests {
    let builder: InProcess
    let sandbox: Sandbox
    private let files = FileManager.default

    init() throws {
        builder = try InProcess()
        sandbox = try Sandbox()
    }

    private func mode(_ path: String) throws -> Int {
        try #require(files.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    /// Nothing in `releases/`, temporary or final.
    private func expectNoRelease(_ location: SourceLocation = #_sourceLocation) throws {
        let found = try files.contentsOfDirectory(atPath: "\(sandbox.root)/releases")
        #expect(found.isEmpty, sourceLocation: location)
    }

    @Test func aReleaseIsTheCommitAndNothingElse() throws {
        try sandbox.write("app.rb", "puts 1\n")
        try sandbox.write("bin/run", "#!/bin/sh\n", executable: true)
        try sandbox.write("öffentlich/日本.txt", "ü")
        try sandbox.write("empty", "")
        try sandbox.link("link", to: "bin/../app.rb")
        let deep = (0..<60).map { "d\($0)" }.joined(separator: "/")
        try sandbox.write("\(deep)/bottom", "x")
        let commit = try sandbox.commit()
        try builder.fetch(sandbox)
        let release = try builder.checkout(sandbox, 7, commit)
        #expect(release.name.description == "7-\(commit.short)")
        #expect(release.path == "\(sandbox.root)/releases/\(release.name)")
        #expect(release.files == 5)
        #expect(try mode("\(release.path)/bin/run") == 0o755)
        #expect(try mode("\(release.path)/app.rb") == 0o644)
        #expect(try files.destinationOfSymbolicLink(atPath: "\(release.path)/link") == "bin/../app.rb")
        #expect(try String(contentsOfFile: "\(release.path)/öffentlich/日本.txt", encoding: .utf8) == "ü")
        #expect(files.fileExists(atPath: "\(release.path)/\(deep)/bottom"))
        #expect(try String(contentsOfFile: "\(release.path)/REVISION", encoding: .utf8) == "\(commit)\n")
        #expect(!files.fileExists(atPath: "\(release.path)/.git"))
        #expect(try files.contentsOfDirectory(atPath: "\(sandbox.root)/releases") == ["\(release.name)"])
        try sandbox.run(["diff", "-r", "-x", "REVISION", "-x", ".git", sandbox.source, release.path])
    }

    @Test func namesThatAreNotUTF8AreKeptByteForByte() throws {
        let latin: [UInt8] = Array("caf".utf8) + [0xe9]
        let commit = try sandbox.commit(tree: sandbox.tree([.init("100644", latin, sandbox.blob("x"))]))
        try builder.fetch(sandbox)
        let release = try builder.checkout(sandbox, 1, commit)
        let listed = try sandbox.run(["sh", "-c", "ls \(release.path) | od -An -tx1 | tr -d ' \\n'"])
        #expect(listed.contains("636166e9"))
    }

    @Test func aReleaseIsNeverWrittenTwice() throws {
        let commit = try sandbox.commit()
        try builder.fetch(sandbox)
        try builder.checkout(sandbox, 1, commit)
        #expect(try failure { try builder.checkout(sandbox, 1, commit) }.code == .releaseExists)
    }

    @Test func aTrackedRevisionFileGivesWay() throws {
        try sandbox.write("REVISION", "old\n")
        let commit = try sandbox.commit()
        try builder.fetch(sandbox)
        let release = try builder.checkout(sandbox, 1, commit)
        #expect(try String(contentsOfFile: "\(release.path)/REVISION", encoding: .utf8) == "\(commit)\n")
    }

    @Test(arguments: ["..", ".", "../x", "a/b", "/etc/x", ".git", ".GIT", "git~1", ".g\u{200c}it", "x\\..\\y"])
    func evilNamesAreRefusedAtAnyDepth(name: String) throws {
        let blob = try sandbox.blob("evil")
        for mode in ["100644", "40000", "120000"] {
            let target = mode == "40000" ? try sandbox.tree([.init("100644", "config", blob)]) : blob
            let inner = try sandbox.tree([.init("100644", "fine", blob), .init(mode, name, target)])
            let commit = try sandbox.commit(tree: sandbox.tree([.init("40000", "dir", inner)]))
            try builder.fetch(sandbox)
            let error = try failure { try builder.checkout(sandbox, 1, commit) }
            #expect(error.code == .refusedTree)
            #expect(error.path == "dir/\(name)")
            #expect(error.message.contains(name))
        }
        try expectNoRelease()
    }

    @Test(arguments: ["/etc/passwd", "../outside", "a/../../x", "dir/up/../../x", "."])
    func linksOutOfTheReleaseAreRefused(target: String) throws {
        let up = try sandbox.tree([.init("120000", "up", sandbox.blob(".."))])
        let commit = try sandbox.commit(
            tree: sandbox.tree([.init("40000", "dir", up), .init("120000", "link", sandbox.blob(target))]))
        try builder.fetch(sandbox)
        if target == "." {
            try builder.checkout(sandbox, 1, commit)
            return
        }
        let error = try failure { try builder.checkout(sandbox, 1, commit) }
        #expect(error.code == .refusedTree)
        #expect(error.path == "link")
        #expect(error.message.contains(target))
        try expectNoRelease()
    }

    @Test func theSameNameTwiceIsRefused() throws {
        let blob = try sandbox.blob("/etc")
        let inner = try sandbox.tree([.init("100644", "passwd", blob)])
        let commit = try sandbox.commit(
            tree: sandbox.tree([.init("120000", "a", sandbox.blob("b")), .init("40000", "a", inner)]))
        try builder.fetch(sandbox)
        #expect(try failure { try builder.checkout(sandbox, 1, commit) }.code == .refusedTree)
        try expectNoRelease()
    }

    @Test func aSubmoduleIsRefusedByName() throws {
        let commit = try sandbox.commit(
            tree: sandbox.tree([.init("160000", "vendor", String(repeating: "ab", count: 20))]))
        try builder.fetch(sandbox)
        let error = try failure { try builder.checkout(sandbox, 1, commit) }
        #expect(error.code == .submodule)
        #expect(error.path == "vendor")
        try expectNoRelease()
    }

    @Test func linksOutOfTheReleaseMayBeAllowed() throws {
        try sandbox.link("out", to: "/etc/hostname")
        let commit = try sandbox.commit()
        try builder.fetch(sandbox)
        #expect(try failure { try builder.checkout(sandbox, 1, commit) }.hint?.contains("allow_symlinks") == true)
        let options = CheckoutOptions(allowSymlinks: true)
        _ = try builder(.checkout(root: sandbox.root, number: DeployNumber(1), commit: commit, options: options))
        let place = "\(sandbox.root)/releases/1-\(commit.short)/out"
        #expect(try files.destinationOfSymbolicLink(atPath: place) == "/etc/hostname")
    }

    @Test func aTreeWithoutABottomIsRefused() throws {
        var tree = try sandbox.tree([.init("100644", "x", sandbox.blob("x"))])
        for _ in 0..<TreeReader.maxDepth { tree = try sandbox.tree([.init("40000", "d", tree)]) }
        let commit = try sandbox.commit(tree: tree)
        try builder.fetch(sandbox)
        #expect(try failure { try builder.checkout(sandbox, 1, commit) }.code == .refusedTree)
    }

    @Test func aDamagedMirrorSaysWhatToDo() throws {
        try sandbox.write("a", "contents\n")
        let commit = try sandbox.commit()
        try builder.fetch(sandbox)
        let packs = "\(sandbox.root)/repo.git/objects/pack"
        for name in try files.contentsOfDirectory(atPath: packs) { try files.removeItem(atPath: "\(packs)/\(name)") }
        let error = try failure { try builder.checkout(sandbox, 1, commit) }
        #expect(error.code == .damagedRepository)
        #expect(error.hint?.contains("repo.git") == true)
        try expectNoRelease()
    }

    @Test func cancellingLeavesNothing() throws {
        let commit = try sandbox.commit()
        try builder.fetch(sandbox)
        builder.cancellation.cancel()
        #expect(try failure { try builder.checkout(sandbox, 1, commit) }.code == .cancelled)
        try expectNoRelease()
    }
}
