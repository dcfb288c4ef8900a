import Foundation
import Model
import Testing

@testable import Releases

@Suite struct SubmoduleTests {
    let builder: InProcess
    let sandbox: Sandbox
    private let files = FileManager.default

    init() throws {
        builder = try InProcess()
        sandbox = try Sandbox()
    }

    /// A repository beside the sandbox's own, with one commit.
    @discardableResult
    private func repository(_ name: String, file: String) throws -> CommitID {
        let path = "\(sandbox.path)/\(name)"
        try sandbox.run(["git", "init", "-q", "-b", "main", path])
        return try commit(name, file)
    }

    private func commit(_ name: String, _ file: String) throws -> CommitID {
        let path = "\(sandbox.path)/\(name)"
        try Data("\(file)\n".utf8).write(to: URL(fileURLWithPath: "\(path)/\(file)"))
        try sandbox.run(["git", "-C", path, "add", file])
        try sandbox.run(["git", "-C", path, "commit", "-q", "-m", file])
        return try #require(CommitID(sandbox.run(["git", "-C", path, "rev-parse", "HEAD"])))
    }

    /// Adds submodules as any client that pushes may, and commits. Without a URL `.gitmodules` does not know of it.
    @discardableResult
    private func add(to name: String, _ modules: [(path: String, url: String?, commit: CommitID)]) throws -> CommitID {
        let path = "\(sandbox.path)/\(name)"
        var text = ""
        for module in modules {
            if let url = module.url {
                text += "[submodule \"\(module.path)\"]\n\tpath = \(module.path)\n\turl = \(url)\n"
            }
            try sandbox.run([
                "git", "-C", path, "update-index", "--add", "--cacheinfo", "160000,\(module.commit),\(module.path)",
            ])
        }
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(path)/.gitmodules"))
        try sandbox.run(["git", "-C", path, "add", ".gitmodules"])
        try sandbox.run(["git", "-C", path, "commit", "-q", "-m", "submodules"])
        return try #require(CommitID(sandbox.run(["git", "-C", path, "rev-parse", "HEAD"])))
    }

    @discardableResult
    private func checkout(
        _ number: Int, _ commit: CommitID, submodules: Bool = true
    ) throws -> CheckedOutRelease {
        try builder.fetch(sandbox)
        let options = CheckoutOptions(repository: sandbox.source, submodules: submodules)
        let result = try builder(
            .checkout(root: sandbox.root, number: DeployNumber(number), commit: commit, options: options))
        guard case .checkedOut(let release) = result else { throw InProcess.Unexpected(result: result) }
        return release
    }

    private var mirrors: [String] {
        (try? files.contentsOfDirectory(atPath: "\(sandbox.root)/submodules")) ?? []
    }

    @Test func theCommitsInTheTreeAreWhatIsDeployedAtAnyDepth() throws {
        let inner = try repository("inner", file: "inner.txt")
        try repository("library", file: "library.txt")
        let library = try add(to: "library", [("deep/inner", "../inner", inner)])
        // Neither of them is at what is recorded any more.
        _ = try commit("inner", "later.txt")
        _ = try commit("library", "later.txt")
        try sandbox.write("app.rb")
        try sandbox.commit()
        let commit = try add(to: "source", [("vendor/library", "\(sandbox.path)/library", library)])
        let release = try checkout(1, commit)
        let place = "\(release.path)/vendor/library"
        #expect(try files.contentsOfDirectory(atPath: place).sorted() == [".gitmodules", "deep", "library.txt"])
        #expect(try files.contentsOfDirectory(atPath: "\(place)/deep/inner") == ["inner.txt"])
        #expect(files.fileExists(atPath: "\(release.path)/app.rb"))
        #expect(mirrors.count == 2)

        // The mirrors have the commits, so nobody is asked again.
        try files.removeItem(atPath: "\(sandbox.path)/library")
        try files.removeItem(atPath: "\(sandbox.path)/inner")
        let again = try checkout(2, commit)
        try sandbox.run(["diff", "-r", release.path, again.path])

        // And go when no commit needs them.
        try sandbox.git("rm", "-q", "-r", "--cached", "vendor")
        try checkout(3, sandbox.commit())
        #expect(mirrors.isEmpty)
    }

    @Test func switchedOffTheirDirectoriesAreEmpty() throws {
        let library = try repository("library", file: "library.txt")
        let release = try checkout(1, add(to: "source", [("vendor", "../library", library)]), submodules: false)
        #expect(try files.contentsOfDirectory(atPath: "\(release.path)/vendor").isEmpty)
        #expect(mirrors.isEmpty)
    }

    @Test func aCommitThatIsNowhereIsNamed() throws {
        try repository("library", file: "library.txt")
        let lost = try #require(CommitID(String(repeating: "ab", count: 20)))
        let error = try failure { try checkout(1, add(to: "source", [("vendor/x", "../library", lost)])) }
        #expect(error.code == .submodule)
        #expect(error.path == "vendor/x")
        #expect(error.message.contains(lost.rawValue))
    }

    @Test(arguments: [
        nil, "ext::sh -c 'touch /tmp/x'", "--upload-pack=touch", "-x", "../../../../../../../../..",
        "../a/../../../etc",
        "ssh://-oProxyCommand=x/y", "ftp://host/x", "\u{1}",
    ])
    func anEvilOrMissingURLIsRefusedWithThePath(url: String?) throws {
        let library = try repository("library", file: "library.txt")
        let error = try failure { try checkout(1, add(to: "source", [("vendor", url, library)])) }
        #expect(error.code == .submodule)
        #expect(error.path == "vendor")
        #expect(mirrors.isEmpty)
        #expect(try files.contentsOfDirectory(atPath: "\(sandbox.root)/releases").isEmpty)
    }

    @Test func linksFromASubmoduleOutOfTheReleaseAreRefused() throws {
        try repository("library", file: "library.txt")
        let path = "\(sandbox.path)/library"
        try files.createSymbolicLink(atPath: "\(path)/up", withDestinationPath: "../../outside")
        try sandbox.run(["git", "-C", path, "add", "up"])
        let library = try commit("library", "more.txt")
        let error = try failure { try checkout(1, add(to: "source", [("vendor", "../library", library)])) }
        #expect(error.code == .refusedTree)
        #expect(error.path == "vendor/up")
    }

    @Test func namesThatGitKeepsAreRefusedInSubmodulesToo() throws {
        let blob = try sandbox.blob("evil")
        let evil = try sandbox.commit(tree: sandbox.tree([.init("100644", ".GIT", blob)]))
        try sandbox.git("branch", "evil", evil.rawValue)
        try sandbox.git(
            "reset", "-q", "--hard", sandbox.commit(tree: sandbox.tree([.init("100644", "a", blob)])).rawValue)
        let error = try failure { try checkout(1, add(to: "source", [("vendor", sandbox.source, evil)])) }
        #expect(error.code == .refusedTree)
        #expect(error.path == "vendor/.GIT")
    }

    @Test func aChainWithoutEndIsCut() throws {
        var commit = try repository("chain0", file: "end.txt")
        for number in 1...TreeReader.maxSubmoduleDepth {
            try repository("chain\(number)", file: "a.txt")
            commit = try add(to: "chain\(number)", [("next", "../chain\(number - 1)", commit)])
        }
        let last = TreeReader.maxSubmoduleDepth
        let error = try failure { try checkout(1, add(to: "source", [("next", "../chain\(last)", commit)])) }
        #expect(error.code == .submodule)
        #expect(error.message.contains("\(TreeReader.maxSubmoduleDepth) inside each other"))
        #expect(error.path == Array(repeating: "next", count: last + 1).joined(separator: "/"))
    }
}

@Suite struct SubmoduleURLTests {
    @Test(arguments: [
        ("../b.git", "https://host/a/x.git", "https://host/a/b.git"),
        ("./b", "https://host/a/x.git/", "https://host/a/x.git/b"),
        ("../../b", "https://token@host:8443/a/x.git", "https://token@host:8443/b"),
        ("../b", "git@host:a/x.git", "git@host:a/b"), ("../b", "git@host:x.git", "git@host:b"),
        ("../b", "ssh://git@host:22/a/x.git", "ssh://git@host:22/a/b"), ("../b", "/srv/a.git", "/srv/b"),
        ("../b", "file:///srv/a.git", "file:///srv/b"), ("git@other:b.git", "https://host/a", "git@other:b.git"),
        // Credentials are for the parent's own host, and only there.
        ("https://host/b", "https://me:token@host/a", "https://me:token@host/b"),
        ("https://HOST/b", "https://me:token@host/a", "https://me:token@host/b"),
        ("https://other/b", "https://me:token@host/a", "https://other/b"),
        ("https://host:444/b", "https://me:token@host/a", "https://host:444/b"),
        ("https://host.evil/b", "https://me:token@host/a", "https://host.evil/b"),
        ("https://you@host/b", "https://me:token@host/a", "https://you@host/b"),
        ("/srv/b", "/srv/a", "/srv/b"),
    ])
    func itIsSeenFromTheParent(text: String, parent: String, result: String) throws {
        #expect(try SubmoduleURL.resolve(text, parent: parent) == result)
    }

    @Test(arguments: [
        ("../../../b", "https://host/a/x.git"), ("../..", "https://host/a"), ("../", "https://host/a"),
        ("../../b", "git@host:x.git"), ("../a/../../b", "https://host/x/y"), ("./../.git/../b", "https://host/x/y"),
        ("/etc/passwd", "https://host/a"), ("file:///srv/b", "git@host:a"), ("file://localhost/srv/b", "ssh://host/a"),
        ("ext::sh -c x", "/srv/a"), ("https://a::b/c", "/srv/a"), ("-u", "/srv/a"),
        ("--upload-pack=x", "https://host/a"),
        ("http://host/b", "https://host/a"), ("git://host/b", "https://host/a"), ("", "https://host/a"),
        ("x", "/srv/a"),
    ])
    func whatLeadsElsewhereIsRefused(text: String, parent: String) throws {
        #expect(try failure { _ = try SubmoduleURL.resolve(text, parent: parent) }.code == .submodule)
    }

    @Test func credentialsAreNotPartOfAMirrorsName() throws {
        let names = try ["https://me:a@host/x", "https://host/x"].map { SubmoduleMirrors.name(of: try RemoteURL($0)) }
        #expect(names[0] == names[1])
        #expect(try names[0] != SubmoduleMirrors.name(of: RemoteURL("https://host/y")))
    }
}

@Suite struct ModulesFileTests {
    private func urls(_ text: String) -> [String: String] { ModulesFile(Array(text.utf8)).urls }

    @Test func itIsReadAsGitReadsIt() {
        let text = """
            # a comment
            [core]
                path = no
                url = no
            [submodule "a b"]
            \tpath = vendor/a b   ; why
            \tURL = "../a # b;c" # comment
            \tbranch = main
            [submodule "x"]
                path=x
                url = https://host/\\
            long
            [include]
                path = /etc/passwd
                url = x
            [submodule "only a path"]
                path = y
            """
        #expect(urls(text) == ["vendor/a b": "../a # b;c", "x": "https://host/long"])
        #expect(urls(text.replacing("\n", with: "\r\n")) == urls(text))
    }

    @Test(arguments: [
        "", "[", "]", "[submodule \"", "=", "[submodule \"a\"]\npath", "[submodule \"a\"]\npath = \"\\", "\\",
    ])
    func nonsenseIsNothing(text: String) { #expect(urls(text).isEmpty) }
}
