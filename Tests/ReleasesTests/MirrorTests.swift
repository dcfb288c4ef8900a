import Foundation
import Model
import Testing

@testable import Releases

/// What a fetch does to the mirror and says about it, by the builder as the core runs it.
@Suite(
    .timeLimit(.minutes(5)), .enabled(if: BuilderChild.executable != nil, "the passenger binary is not built"))
struct MirrorTests {
    let sandbox: Sandbox
    init() throws { sandbox = try Sandbox() }

    private func fetch(_ builder: BuilderChild) throws -> [String] {
        let (answer, events) = try builder.ask(.fetch(root: sandbox.root, url: sandbox.source, ref: nil))
        guard case .ok = answer else {
            Issue.record("not fetched: \(String(describing: answer))")
            return []
        }
        return events.compactMap { event in
            if case .warning(let text) = event { text } else { nil }
        }
    }

    @Test func aTagThatWasMovedIsAWarning() throws {
        let first = try sandbox.commit("one")
        for name in ["v1", "v2", "v3"] { try sandbox.git("tag", name) }
        let builder = try BuilderChild()
        _ = try builder.ask(.prepareRoot(root: sandbox.root))
        #expect(try fetch(builder).isEmpty)
        let second = try sandbox.commit("two")
        try sandbox.git("tag", "v4")
        try sandbox.git("tag", "-f", "v1")
        // The same commit, by a tag object now.
        try sandbox.git("tag", "-f", "-a", "-m", "signed", "v2", first.rawValue)
        try sandbox.git("tag", "-d", "v3")
        let said = try fetch(builder)
        #expect(said == ["tags were moved since the last deploy: v1 (\(first.short) before, \(second.short) now)"])
        #expect(try fetch(builder).isEmpty)
    }

    @Test func packsThatPileUpArePutTogether() throws {
        let lost = try sandbox.commit("no branch leads to it later")
        let builder = try BuilderChild()
        _ = try builder.ask(.prepareRoot(root: sandbox.root))
        _ = try fetch(builder)
        try sandbox.git("commit", "-q", "--amend", "--allow-empty", "-m", "another")
        for number in 0...MirrorPacks.most {
            try sandbox.write("file", "\(number)\n")
            try sandbox.commit("\(number)")
            #expect(try fetch(builder).isEmpty)
        }
        let root = try DeployRoot.open(sandbox.root)
        let packs = MirrorPacks(events: EventWriter(output: -1), cancellation: try Cancellation())
        #expect(try packs.count(root) <= 2)
        // Nothing was lost.
        for commit in [lost, try sandbox.head()] {
            let number = commit == lost ? 1 : 2
            let answer = try builder.ask(
                .checkout(root: sandbox.root, number: DeployNumber(number), commit: commit)
            ).answer
            guard case .ok(.checkedOut) = answer else {
                Issue.record("not checked out: \(String(describing: answer))")
                continue
            }
        }
    }
}
