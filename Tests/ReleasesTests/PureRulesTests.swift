import Model
import Testing

@testable import Releases

@Suite struct ReleaseNameTests {
    @Test func aNameIsReadAsItIsWritten() throws {
        let commit = try #require(CommitID("9be0d13" + String(repeating: "a", count: 33)))
        let name = ReleaseName(number: DeployNumber(42), commit: commit)
        #expect(name.description == "42-9be0d13")
        #expect(ReleaseName("42-9be0d13") == name)
    }

    @Test(arguments: [
        "", "42", "42-", "-9be0d13", "0-9be0d13", "042-9be0d13", "42-9be0d1", "42-9be0d13a", "42-9BE0D13",
        "42-9be0d13-x",
        "2026112910300", "202611291030000", "2026112910300a", "+0261129103000", " 2026112910300", "٢٠٢٦١١٢",
        "4x-9be0d13", ".tmp-42-9be0d13", "99999999999999999999-9be0d13", "+1-9be0d13", "1-9be0d1g",
    ])
    func nothingElseIsAReleaseName(text: String) { #expect(ReleaseName(text) == nil) }

    @Test func aMomentIsCapistranosName() throws {
        let name = try #require(ReleaseName("20261129103000"))
        #expect(name.description == "20261129103000" && name.number == nil && name.moment == "20261129103000")
        // Theirs are older than all of ours.
        let ours = try #require(ReleaseName("1-9be0d13"))
        let older = try #require(ReleaseName("20261129102959"))
        #expect([ours, name, older].sorted() == [older, name, ours])
        #expect(ours.moment == nil && ours.number == DeployNumber(1))
        #expect(FileName.temporary(.removal, of: name).description.hasPrefix(".trash-20261129103000-"))
    }

    @Test func releasesAreOrderedByNumberAndNotByText() {
        let names = ["10-9be0d13", "9-9be0d13", "100-0000000"].compactMap { ReleaseName($0) }
        #expect(names.sorted().map(\.description) == ["9-9be0d13", "10-9be0d13", "100-0000000"])
    }
}

@Suite struct WireTests {
    @Test func eachRequestSurvivesTheWire() throws {
        let name = try #require(ReleaseName("3-0123abc"))
        let commit = try #require(CommitID(String(repeating: "0123456789", count: 4)))
        let requests: [BuilderRequest] = [
            .prepareRoot(root: "/srv/a b"), .fetch(root: "/r", url: "git@host:x.git", ref: nil),
            .checkout(root: "/r", number: DeployNumber(3), commit: commit),
            .link(root: "/r", release: try #require(ReleaseName("20261129103000")), shared: ["log/", "ü.env"]),
            .prune(root: "/r", keep: [name]), .cancel,
        ]
        var lines = LineBuffer()
        let bytes = try requests.flatMap { try BuilderWire.encode($0) }
        // In pieces, as a pipe may give them.
        var received: [[UInt8]] = []
        for start in stride(from: 0, to: bytes.count, by: 7) {
            received += lines.append(bytes[start..<min(start + 7, bytes.count)])
        }
        #expect(try received.map { try BuilderWire.decode(BuilderRequest.self, from: $0) } == requests)
    }

    @Test func aLineWithoutEndIsNotKept() {
        var lines = LineBuffer(maxLineBytes: 10)
        #expect(lines.append(Array("12345\n12345".utf8)) == [Array("12345".utf8)])
        #expect(lines.append(Array("678901\nabc\n".utf8)).isEmpty)
        #expect(lines.overflowed)
    }
}

@Suite struct TreeEntryRulesTests {
    @Test(arguments: [
        "a", "config.ru", ".gitignore", ".gitkeep", ".github", "git", ".git2", "a.git", "...", "..a", "ü", "a\\b",
        "git~2",
        ".gitmodules", " ",
    ])
    func ordinaryNamesAreWritten(name: String) { #expect(TreeEntryRules.refusal(ofName: Array(name.utf8)) == nil) }

    @Test(arguments: [
        "", ".", "..", "a/b", "/etc", "../x", ".git", ".GIT", ".Git", "git~1", "GIT~1", ".git.", ".git ", ".git . .",
        ".git::$INDEX_ALLOCATION", ".g\u{200c}it", "\u{feff}.git", ".gi\u{206f}t", "..\\x", "a\\..\\b", ".git\\config",
        "x\\.GIT",
    ])
    func namesThatEscapeOrFoolGitAreRefused(name: String) {
        #expect(TreeEntryRules.refusal(ofName: Array(name.utf8)) != nil)
    }

    @Test func aNameThatNoFileSystemTakesIsRefused() {
        #expect(TreeEntryRules.refusal(ofName: [UInt8](repeating: 0x61, count: 256)) != nil)
        #expect(TreeEntryRules.refusal(ofName: [UInt8](repeating: 0x61, count: 255)) == nil)
    }

    @Test func onlyTheExecutableBitOfAModeCounts() {
        #expect(TreeEntryRules.kind(ofMode: 0o100644) == .file(executable: false))
        #expect(TreeEntryRules.kind(ofMode: 0o100664) == .file(executable: false))
        #expect(TreeEntryRules.kind(ofMode: 0o104755) == .file(executable: true))
        #expect(TreeEntryRules.kind(ofMode: 0o120000) == .link)
        #expect(TreeEntryRules.kind(ofMode: 0o160000) == .submodule)
        #expect(TreeEntryRules.kind(ofMode: 0o010644) == nil)
        #expect(TreeEntryRules.kind(ofMode: 0o060644) == nil)
    }
}

@Suite struct LinkRulesTests {
    private func escapes(_ link: String, among links: [String: String]) -> Bool {
        func path(_ text: String) -> LinkRules.Path { text.split(separator: "/").map { Array($0.utf8) } }
        let targets = links.map { (path($0.key), Array($0.value.utf8)) }
        return LinkRules(targets: Dictionary(uniqueKeysWithValues: targets)).escapes(path(link))
    }

    @Test(arguments: ["b", "./b", "../a", "../../x", "c/../b", "../d/./e/", "missing/thing"])
    func targetsInsideTheTreeAreKept(target: String) { #expect(!escapes("d/e/l", among: ["d/e/l": target])) }

    @Test(arguments: ["/", "/etc/passwd", "../../..", "../../../x", "../../../d/e/l", "a/../../../../x"])
    func targetsOutsideAreNot(target: String) { #expect(escapes("d/e/l", among: ["d/e/l": target])) }

    @Test func aLinkThatEscapesThroughAnotherIsFound() {
        // a/s is the root itself, so a/s/.. is outside, though both targets look harmless.
        let links = ["a/s": "..", "t": "a/s/../secret"]
        #expect(!escapes("a/s", among: links))
        #expect(escapes("t", among: links))
    }

    @Test func aLinkThroughAnotherThatGoesDeeperIsKept() {
        #expect(!escapes("t", among: ["s": "a/b/c", "t": "s/../../x"]))
    }

    @Test func linksInACircleLeadNowhere() { #expect(!escapes("a", among: ["a": "b", "b": "a"])) }
}

@Suite struct NearestNamesTests {
    @Test func typingErrorsFindTheName() {
        #expect(NearestNames.of("mian", among: ["main", "develop"]) == ["main"])
        #expect(NearestNames.of("origin/main", among: ["main", "develop"]) == ["main"])
        #expect(NearestNames.of("login", among: ["feature/login", "v1.0"]) == ["feature/login"])
        #expect(NearestNames.of("v1.2.4", among: ["v1.2.3", "v1.2.5", "main"]) == ["v1.2.3", "v1.2.5"])
        #expect(NearestNames.of("zzzz", among: ["main"]).isEmpty)
    }
}
