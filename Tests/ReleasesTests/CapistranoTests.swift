import Foundation
import Glibc
import Testing

@testable import Releases

@Suite struct RevisionLogTests {
    private func read(_ text: String) -> RevisionLog { RevisionLog(Array(text.utf8)) }

    @Test func aDeploySaysWhatAndBywhom() throws {
        let release = try #require(ReleaseName("20261129103000"))
        let log = read("Branch main (at 9be0d13) deployed as release 20261129103000 by ann\n")
        #expect(
            log.deployed == [
                release: .init(release: release, branch: "main", commit: "9be0d13", deployer: "ann")
            ])
        #expect(log.otherLines == 0)
    }

    @Test func theLastWordCounts() throws {
        let log = read(
            """
            Branch main (at 9be0d13) deployed as release 20261129103000 by ann
            ann rolled back to release 20261129090000
            Branch fix/x (at aaaaaaabbbbbbbcccccccdddddddeeeeeee00000) deployed as release 20261129103000 by bob jr.
            """)
        let entry = try #require(log.deployed.values.first)
        #expect(log.deployed.count == 1 && log.otherLines == 0)
        #expect(entry.branch == "fix/x" && entry.commit.count == 40 && entry.deployer == "bob jr.")
    }

    @Test(arguments: [
        "Branch main (at 9be0d13) deployed as release 2026112910300 by ann",
        "Branch main (at 9be0d13) deployed as release ../../etc/passwd by ann",
        "Branch main (at 9BE0D13) deployed as release 20261129103000 by ann",
        "Branch main (at 9be0d13) deployed as release 20261129103000 by ",
        "Branch main (at ) deployed as release 20261129103000 by ann", "ann rolled back to release 1",
        "Branch m\u{1B}[2Jain (at 9be0d13) deployed as release 20261129103000 by ann", "\u{0}",
        "Branch main (at 9be0d13) deployed as release ２０２６１１２９１０３０００ by ann",
        "Branch " + String(repeating: "x", count: 2000) + " (at 9be0d13) deployed as release 20261129103000 by a",
        "release 20261129103000",
    ])
    func whateverElseStandsThereSaysNothing(line: String) {
        let log = read("\(line)\n\n")
        #expect(log.deployed.isEmpty && log.otherLines == 1)
    }

    @Test func bytesThatAreNoTextDoNoHarm() {
        var state: UInt64 = 7
        let bytes = (0..<RevisionLog.maxBytes).map { _ -> UInt8 in
            state = state &* 6_364_136_223_846_793_005 &+ 1
            return UInt8(truncatingIfNeeded: state >> 33)
        }
        #expect(RevisionLog(bytes).deployed.isEmpty)
    }
}

@Suite struct CapistranoTakeoverTests {
    private func names(_ hours: Int...) -> [ReleaseName] { hours.compactMap { ReleaseName("202611290\($0)0000") } }

    private func log(_ releases: [ReleaseName], _ more: String = "") -> RevisionLog {
        let lines = releases.map { "Branch main (at 9be0d13) deployed as release \($0) by ann\n" }
        return RevisionLog(Array((lines.joined() + more).utf8))
    }

    private func takeover(_ current: ReleaseName, _ log: RevisionLog?, _ present: [ReleaseName]) -> CapistranoTakeover {
        CapistranoTakeover(current: current, log: log, present: Set(present)) { _ in nil }
    }

    @Test func whatTheLogNamesAndIsThereIsTakenOverInOrder() {
        let all = names(1, 2, 3, 4)
        let result = takeover(all[3], log([all[3], all[0], all[1]]), [all[1], all[2], all[3]])
        #expect(result.releases.map(\.name) == [all[1], all[3]])
        #expect(result.current == all[3] && result.releases.allSatisfy { !$0.isWithdrawn && $0.commit == "9be0d13" })
        // The one without a line is of a deploy that failed.
        #expect(result.warnings == ["left alone, since no deploy of them came to its end: \(all[2])"])
    }

    @Test func theFileInTheReleaseKnowsTheCommitBetterThanTheLog() {
        let all = names(1, 2)
        let full = String(repeating: "9be0d13abc", count: 4)
        let result = CapistranoTakeover(current: all[1], log: log(all), present: Set(all)) { $0 == all[0] ? full : nil }
        #expect(result.releases.map(\.commit) == [full, "9be0d13"])
    }

    @Test func whatWasRolledBackFromIsWithdrawn() {
        let all = names(1, 2, 3)
        let result = takeover(all[1], log(all, "ann rolled back to release \(all[1])\n"), all)
        #expect(result.releases.map(\.isWithdrawn) == [false, false, true])
        #expect(result.warnings.isEmpty)
    }

    @Test func withoutALogOnlyTheCurrentReleaseIsKnownToBeGood() {
        let all = names(1, 2)
        let result = takeover(all[1], nil, all)
        #expect(result.releases.map(\.name) == [all[1]] && result.releases[0].commit == nil)
        #expect(result.warnings.count == 1 && result.warnings[0].contains("no revisions.log"))
    }

    @Test func theCurrentReleaseIsTakenOverWhateverTheLogSays() {
        let all = names(1, 2)
        let result = takeover(all[1], log([all[0]], "hello\n"), all)
        #expect(result.releases.map(\.name) == all)
        #expect(result.warnings.count == 2, "\(result.warnings)")
    }

    @Test func aThousandReleasesAreMoreThanAnybodyHas() throws {
        let all = try (1000..<2000).map { try #require(ReleaseName("2026112900\($0)")) }
        let result = takeover(all[10], log(all), all)
        #expect(result.releases.count == 11 + CapistranoTakeover.mostReleases)
        #expect(result.releases.contains { $0.name == all[10] && !$0.isWithdrawn })
    }

    @Test func aReleaseOfOursIsNoneOfCapistranos() throws {
        let (own, theirs) = (try #require(ReleaseName("3-9be0d13")), names(1)[0])
        let result = takeover(theirs, log([theirs]), [own, theirs])
        #expect(result.releases.map(\.name) == [theirs] && result.warnings.isEmpty)
    }
}

/// On a disk, with what people and intruders leave there.
@Suite struct CapistranoRootTests {
    private let sandbox: Sandbox
    private let files = FileManager.default
    private let first = "20261129010000"
    private let second = "20261129020000"
    private var root: String { sandbox.root }

    init() throws {
        sandbox = try Sandbox()
        for name in [first, second] {
            try files.createDirectory(atPath: "\(root)/releases/\(name)/config", withIntermediateDirectories: true)
            try write("releases/\(name)/REVISION", String(repeating: String(name.suffix(10)), count: 4) + "\n")
        }
        try files.createDirectory(atPath: "\(root)/shared/log", withIntermediateDirectories: true)
        try write(
            "revisions.log",
            [first, second].map { "Branch main (at 9be0d13) deployed as release \($0) by ann\n" }.joined())
        try link("current", "\(root)/releases/\(second)")
    }

    private func write(_ name: String, _ text: String) throws {
        try text.write(toFile: "\(root)/\(name)", atomically: false, encoding: .utf8)
    }

    private func link(_ name: String, _ target: String) throws {
        unlink("\(root)/\(name)")
        try files.createSymbolicLink(atPath: "\(root)/\(name)", withDestinationPath: target)
    }

    private func take() throws -> CapistranoTakeover {
        guard case .takeover(let found) = try CapistranoRoot.read(root) else {
            Issue.record("\(try CapistranoRoot.read(root))")
            throw CocoaError(.fileReadUnknown)
        }
        return found
    }

    private func reason() throws -> String {
        guard case .unfit(let reason) = try CapistranoRoot.read(root) else { return "" }
        return reason
    }

    @Test func aRootIsReadAndNothingInItChanges() throws {
        let before = try sandbox.run(["find", root, "-printf", "%p %l %T@ %i\n"])
        let found = try take()
        #expect(found.releases.map(\.name.description) == [first, second])
        #expect(found.current.description == second && found.warnings.isEmpty)
        #expect(found.releases[0].commit == String(repeating: String(first.suffix(10)), count: 4))
        #expect(found.releases[0].branch == "main" && found.releases[0].deployer == "ann")
        #expect(try sandbox.run(["find", root, "-printf", "%p %l %T@ %i\n"]) == before)
    }

    @Test func currentMayBeRelativeOrGoByAnotherPathToTheSameRoot() throws {
        try link("current", "releases/\(second)")
        #expect(try take().current.description == second)
        let alias = "\(sandbox.path)/alias"
        try files.createSymbolicLink(atPath: alias, withDestinationPath: root)
        try link("current", "\(alias)/releases/\(second)")
        try link("releases/\(second)/log", "\(alias)/shared/log")
        #expect(try take().current.description == second)
        #expect(try take().sharedLinks.paths == ["log"])
    }

    @Test func aCurrentThatLeadsElsewhereIsRefused() throws {
        for target in [
            "/etc", "../other/releases/\(second)", "releases/../releases/\(second)/..", "releases/20261129999999",
            "releases/x", "\(sandbox.source)/releases/\(second)", "", "releases",
        ] where !target.isEmpty {
            try link("current", target)
            #expect(try reason().contains("current"), "\(target)")
        }
        unlink("\(root)/current")
        #expect(try reason().contains("no `current`"))
        try files.createDirectory(atPath: "\(root)/current", withIntermediateDirectories: false)
        #expect(try reason().contains("not a link"))
    }

    @Test func linksInThePlaceOfDirectoriesAreNotFollowed() throws {
        // A release that is a link is none.
        try files.moveItem(atPath: "\(root)/releases/\(first)", toPath: "\(sandbox.path)/elsewhere")
        try link("releases/\(first)", "\(sandbox.path)/elsewhere")
        #expect(try take().releases.map(\.name.description) == [second])
        try files.moveItem(atPath: "\(root)/releases", toPath: "\(sandbox.path)/all")
        try link("releases", "\(sandbox.path)/all")
        #expect(try reason().contains("not a directory"))
    }

    @Test func aLogThatIsNoFileIsNotLookedAt() throws {
        unlink("\(root)/revisions.log")
        mkfifo("\(root)/revisions.log", 0o644)
        #expect(try take().releases.map(\.name.description) == [second])
        try write("../log", "Branch main (at 9be0d13) deployed as release \(first) by ann\n")
        try link("revisions.log", "../log")
        let found = try take()
        #expect(found.releases.count == 1 && found.warnings.contains { $0.contains("not a file") }, "\(found)")
    }

    @Test func ofAHugeLogTheEndCounts() throws {
        let line = "Branch main (at 9be0d13) deployed as release \(second) by ann\n"
        let filler = String(repeating: "x", count: 99) + "\n"
        let text =
            "Branch main (at 9be0d13) deployed as release \(first) by ann\n"
            + String(repeating: filler, count: 12_000) + line
        try write("revisions.log", text)
        let found = try take()
        #expect(found.releases.map(\.name.description) == [second] && found.releases[0].branch == "main")
        #expect(found.warnings.contains { $0.contains("longer than 1 MiB") }, "\(found.warnings)")
    }

    @Test func theRepositoryIsThatOfItsMirror() throws {
        #expect(try take().repository == .none)
        try files.createDirectory(atPath: "\(root)/repo", withIntermediateDirectories: false)
        #expect(try take().repository == .none)
        func config(_ text: String) throws -> CapistranoRepository {
            try write("repo/config", text)
            return try take().repository
        }
        let url = "git@example.com:blog.git"
        let text = "[core]\n\tbare = true\n\turl = /no\n[remote \"origin\"]\n\turl = \(url)\n\tfetch = +refs/*:refs/*\n"
        #expect(try config(text) == .found(url))
        #expect(
            try config("[remote \"origin\"]\nurl = https://ann:secret@example.com/blog.git\n").url?.contains("secret")
                == true)
        #expect(try config("[include]\n\tpath = /etc/x\n[remote \"upstream\"]\n\turl = \(url)\n") == .none)
        #expect(try InProcess()(.readCapistranoRepository(root: root)) == .repository(.none))
        for other in [
            "--upload-pack=x", "-x:y", "../blog", "ext::sh -c x", "ftp://x/y", "git://x/y", "x\u{7}:y",
            "https://x/\u{1B}[2J",
        ] {
            guard case .unusable(let reason) = try config("[remote \"origin\"]\n\turl = \(other)\n") else {
                Issue.record("\(other)")
                continue
            }
            #expect(reason.contains("--repo") && !reason.contains(other))
        }
        // Whatever is no file there is not read, nor what is too large to be git's.
        unlink("\(root)/repo/config")
        mkfifo("\(root)/repo/config", 0o644)
        #expect(try take().repository != .none && take().repository.url == nil)
        try write("../config", text)
        try link("repo/config", "../../config")
        #expect(try take().repository.url == nil)
        unlink("\(root)/repo/config")
        #expect(try config(text + String(repeating: "#", count: CapistranoMirror.maxBytes)).url == nil)
        unlink("\(root)/repo/config")
        try files.moveItem(atPath: "\(root)/repo", toPath: "\(sandbox.path)/mirror")
        try write("../mirror/config", text)
        try link("repo", "\(sandbox.path)/mirror")
        #expect(try take().repository.url == nil)
    }

    @Test(arguments: ["", "main\n", String(repeating: "a", count: 100), "../../x", "9BE0D13"])
    func aRevisionThatIsNoCommitIsNone(text: String) throws {
        try write("releases/\(second)/REVISION", text)
        unlink("\(root)/revisions.log")
        #expect(try take().releases[0].commit == nil)
    }

    @Test func linksIntoSharedAreFoundHoweverTheyAreWritten() throws {
        let release = "releases/\(second)"
        for directory in ["public/a/b/c/d/e/f/g", ".git"] {
            try files.createDirectory(atPath: "\(root)/\(release)/\(directory)", withIntermediateDirectories: true)
        }
        try link("\(release)/log", "\(root)/shared/log")
        try link("\(release)/config/master.key", "../../../shared/config/master.key")
        try link("\(release)/public/uploads", "\(root)/shared/public/uploads")
        try link("\(release)/config/database.yml", "\(root)/shared/db.yml")
        try link("\(release)/public/elsewhere", "\(root)/sharedness/x")
        try link("\(release)/public/out", "../../../../shared/x")
        try link("\(release)/.git/x", "../../../shared/.git/x")
        try link("\(release)/public/a/b/c/d/e/f/deep", "\(root)/shared/public/a/b/c/d/e/f/deep")
        let links = try take().sharedLinks
        #expect(links.paths == ["config/master.key", "log", "public/uploads"])
        #expect(links.others == ["config/database.yml -> shared/db.yml"] && !links.isCut)
    }

    @Test func aReleaseThatIsTooLargeIsNotLookedThrough() throws {
        let folder = "\(root)/releases/\(second)/many"
        try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for number in 0..<20_000 { close(open("\(folder)/\(number)", O_WRONLY | O_CREAT, 0o644)) }
        try link("releases/\(second)/log", "\(root)/shared/log")
        let links = try take().sharedLinks
        #expect(links.isCut && links.paths == ["log"])
    }

    @Test func aReleaseOfCapistranosIsHandledLikeOneOfOurs() throws {
        let builder = try InProcess()
        let (old, live) = (try #require(ReleaseName(first)), try #require(ReleaseName(second)))
        _ = try builder(.prepareRoot(root: root))
        #expect(try builder(.readCurrent(root: root)) == .current(.release(live)))
        #expect(try builder(.listReleases(root: root)) == .releases([old, live]))
        // Not by count: of these each is named by who wants it gone.
        #expect(try builder(.prune(root: root, keep: [])) == .removed([]))
        _ = try builder(.moveCurrent(root: root, release: old))
        #expect(try files.destinationOfSymbolicLink(atPath: "\(root)/current") == "releases/\(first)")
        #expect(try builder(.removeRelease(root: root, release: live)) == .removed([live]))
        #expect(try builder(.listReleases(root: root)) == .releases([old]))
        #expect(try failure { _ = try builder(.removeRelease(root: root, release: old)) }.code == .releaseInUse)
    }
}
