import Foundation
import Model
import Testing

@testable import Releases

@Suite struct LargeFileTests {
    let sandbox: Sandbox
    private let files = FileManager.default

    init() throws { sandbox = try Sandbox() }

    static let isInstalled = ChildProcess.find("git-lfs") != nil

    /// A file as git-lfs leaves it, its contents in the repository's own store as after `git lfs push`. Returns its digest.
    @discardableResult
    private func write(_ name: String, _ text: String, executable: Bool = false) throws -> String {
        let file = "\(sandbox.path)/large"
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        let digest = String(try sandbox.run(["sha256sum", file]).prefix(64))
        let store = "\(sandbox.source)/.git/lfs/objects/\(digest.prefix(2))/\(digest.dropFirst(2).prefix(2))"
        try files.createDirectory(atPath: store, withIntermediateDirectories: true)
        try? files.removeItem(atPath: "\(store)/\(digest)")
        try files.moveItem(atPath: file, toPath: "\(store)/\(digest)")
        try sandbox.write(
            name, "version https://git-lfs.github.com/spec/v1\noid sha256:\(digest)\nsize \(text.utf8.count)\n",
            executable: executable)
        return digest
    }

    private func checkout(_ builder: InProcess, _ number: Int, _ commit: CommitID, lfs: Bool = true) throws
        -> CheckedOutRelease
    {
        try builder.fetch(sandbox)
        let options = CheckoutOptions(repository: sandbox.source, lfs: lfs)
        let result = try builder(
            .checkout(root: sandbox.root, number: DeployNumber(number), commit: commit, options: options))
        guard case .checkedOut(let release) = result else { throw InProcess.Unexpected(result: result) }
        return release
    }

    private func contents(_ release: CheckedOutRelease, _ name: String) throws -> String {
        try String(contentsOfFile: "\(release.path)/\(name)", encoding: .utf8)
    }

    private var stored: [String] {
        let all = try? sandbox.run(["find", "\(sandbox.root)/repo.git/lfs/objects", "-type", "f", "-printf", "%f\\n"])
        return all?.split(separator: "\n").map(String.init) ?? []
    }

    @Test(.enabled(if: isInstalled, "git-lfs is not installed"))
    func gitLFSFetchesWhatPointersStandFor() throws {
        let builder = try InProcess()
        let text = String(repeating: "frame\n", count: 300_000)
        try write("media/film", text)
        let tool = try write("bin/tool", "#!/bin/sh\n", executable: true)
        try sandbox.write("note.txt", "version https://git-lfs.github.com/spec/v1\nis what a pointer begins with\n")
        let first = try checkout(builder, 1, sandbox.commit())
        #expect(try contents(first, "media/film") == text)
        #expect(try contents(first, "bin/tool") == "#!/bin/sh\n")
        #expect(files.isExecutableFile(atPath: "\(first.path)/bin/tool"))
        #expect(try contents(first, "note.txt").hasPrefix("version"))
        #expect(stored.count == 2)

        // Only what the newest commit needs stays in the store.
        try write("media/film", "short\n")
        let commit = try sandbox.commit()
        let second = try checkout(builder, 2, commit)
        #expect(try contents(second, "media/film") == "short\n")
        #expect(try contents(first, "media/film") == text)
        #expect(stored.count == 2 && stored.contains(tool))

        // A file that went bad there is noticed, and had anew the next time.
        let place = "\(sandbox.root)/repo.git/lfs/objects/\(tool.prefix(2))/\(tool.dropFirst(2).prefix(2))/\(tool)"
        // Not in place: git-lfs takes a file from a repository on the same machine by a hard link.
        try files.removeItem(atPath: place)
        try Data("#!/bin/ed\n".utf8).write(to: URL(fileURLWithPath: place))
        let error = try failure { _ = try checkout(builder, 3, commit) }
        #expect(error.code == .lfsPointer)
        #expect(error.path == "bin/tool")
        #expect(try contents(checkout(builder, 4, commit), "bin/tool") == "#!/bin/sh\n")
    }

    @Test(.enabled(if: isInstalled, "git-lfs is not installed"))
    func whatTheServerDoesNotHaveIsNamed() throws {
        let builder = try InProcess()
        try write("film", "frames\n")
        let commit = try sandbox.commit()
        try files.removeItem(atPath: "\(sandbox.source)/.git/lfs")
        let error = try failure { _ = try checkout(builder, 1, commit) }
        #expect(error.code == .lfsPointer)
        #expect(error.path == "film")
        #expect(try files.contentsOfDirectory(atPath: "\(sandbox.root)/releases").isEmpty)
    }

    @Test func switchedOffPointersAreDeployedAsTheyAre() throws {
        let builder = try InProcess()
        try write("film", "frames\n")
        let release = try checkout(builder, 1, sandbox.commit(), lfs: false)
        #expect(try contents(release, "film").hasPrefix("version https://git-lfs"))
    }

    @Test(.enabled(if: BuilderChild.executable != nil, "the passenger binary is not built"))
    func withoutGitLFSAPointerIsRefusedWithWhatToDo() throws {
        try write("film", "frames\n")
        try write("second", "more\n")
        let commit = try sandbox.commit()
        let bin = "\(sandbox.path)/bin"
        try files.createDirectory(atPath: bin, withIntermediateDirectories: true)
        let builder = try BuilderChild(searchPath: bin)
        _ = try builder.ask(.prepareRoot(root: sandbox.root))
        _ = try builder.ask(.fetch(root: sandbox.root, url: sandbox.source, ref: nil))
        let options = CheckoutOptions(repository: sandbox.source)
        let request = BuilderRequest.checkout(
            root: sandbox.root, number: DeployNumber(1), commit: commit, options: options)
        guard case .error(let error) = try builder.ask(request).answer else {
            Issue.record("not refused")
            return
        }
        #expect(error.code == .lfsPointer)
        #expect(error.hint?.contains("apt-get install git-lfs") == true)
        #expect(try files.contentsOfDirectory(atPath: "\(sandbox.root)/releases").isEmpty)
    }
}
