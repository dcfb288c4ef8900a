import Foundation
import Glibc
import Model
import Testing

@testable import Releases

@Suite(
    .serialized, .timeLimit(.minutes(5)),
    .enabled(if: BuilderChild.executable != nil, "the passenger binary is not built"))
struct BuilderProcessTests {
    let sandbox: Sandbox
    private let files = FileManager.default
    init() throws { sandbox = try Sandbox() }

    private func commit(_ event: BuilderEvent?) -> CommitInfo? {
        guard case .ok(.commit(let info)) = event else { return nil }
        return info
    }

    private func failure(_ event: BuilderEvent?) throws -> BuilderFailure {
        guard case .error(let failure) = event else {
            Issue.record("not a failure: \(String(describing: event))")
            throw CancellationError()
        }
        return failure
    }

    /// A commit of many files, so that a checkout takes long enough to be interrupted.
    private func bigCommit() throws -> CommitID {
        let blobs = try (0..<4).map { try sandbox.blob(String(repeating: "\($0)", count: 5_000)) }
        let entries = (0..<100).map { Sandbox.RawEntry("100644", "file\(1000 + $0)", blobs[$0 % 4]) }
        let inner = try sandbox.tree(entries)
        return try sandbox.commit(
            tree: sandbox.tree((0..<25).map { Sandbox.RawEntry("40000", "dir\(100 + $0)", inner) }))
    }

    @Test func aDeploysRequestsAreAnsweredInOrder() throws {
        try sandbox.write("a")
        let id = try sandbox.commit()
        let builder = try BuilderChild()
        #expect(try builder.ask(.prepareRoot(root: sandbox.root)).answer == .ok(.done))
        let fetched = try builder.ask(.fetch(root: sandbox.root, url: "file://\(sandbox.source)", ref: nil))
        #expect(commit(fetched.answer)?.id == id)
        #expect(!fetched.events.isEmpty)
        let checkedOut = try builder.ask(.checkout(root: sandbox.root, number: DeployNumber(1), commit: id))
        guard case .ok(.checkedOut(let release)) = checkedOut.answer else {
            Issue.record("\(checkedOut)")
            return
        }
        #expect(try builder.ask(.seal(root: sandbox.root, release: release.name)).answer == .ok(.done))
        #expect(try builder.ask(.moveCurrent(root: sandbox.root, release: release.name)).answer == .ok(.done))
        let again = try failure(builder.ask(.checkout(root: sandbox.root, number: DeployNumber(1), commit: id)).answer)
        #expect(again.code == .releaseExists)
    }

    @Test func aLineThatIsNoRequestEndsTheBuilder() throws {
        let builder = try BuilderChild()
        try builder.send(raw: "hello\n")
        #expect(try failure(builder.next()).code == .invalidRequest)
        #expect(try builder.end() == 1)
    }

    /// Starts the checkout of a big commit and comes back once it is writing.
    private func startBigCheckout(_ builder: BuilderChild) throws -> BuilderRequest {
        let id = try bigCommit()
        _ = try builder.ask(.prepareRoot(root: sandbox.root))
        let fetched = try builder.ask(.fetch(root: sandbox.root, url: sandbox.source, ref: nil))
        #expect(commit(fetched.answer)?.id == id)
        let request = BuilderRequest.checkout(root: sandbox.root, number: DeployNumber(1), commit: id)
        try builder.send(request)
        while let event = try builder.next() {
            if case .checkoutProgress = event { break }
        }
        return request
    }

    private func releases() throws -> [String] { try files.contentsOfDirectory(atPath: "\(sandbox.root)/releases") }

    @Test func killedInMidCheckoutItLeavesNoReleaseAndTheNextCleansUp() throws {
        let builder = try BuilderChild()
        let request = try startBigCheckout(builder)
        kill(builder.pid, SIGKILL)
        #expect(try builder.end() == -SIGKILL)
        let left = try releases()
        #expect(left.count == 1 && left.allSatisfy { $0.hasPrefix(".tmp-1-") }, "\(left)")

        let next = try BuilderChild()
        #expect(try next.ask(.cleanTemporary(root: sandbox.root)).answer == .ok(.done))
        #expect(try releases().isEmpty)
        guard case .ok(.checkedOut(let release)) = try next.ask(request).answer else {
            Issue.record("the second checkout failed")
            return
        }
        #expect(release.files == 2_500)
    }

    @Test func aCancelledCheckoutCleansUpAndTheBuilderGoesOn() throws {
        let builder = try BuilderChild()
        _ = try startBigCheckout(builder)
        try builder.send(.cancel)
        var last: BuilderEvent?
        while let event = try builder.next() {
            last = event
            if case .error = event { break }
        }
        #expect(try failure(last).code == .cancelled)
        #expect(try releases().isEmpty)
        #expect(try builder.ask(.listReleases(root: sandbox.root)).answer == .ok(.releases([])))
    }

    @Test func aCoreThatIsGoneEndsTheBuilderWithoutRemains() throws {
        let builder = try BuilderChild()
        _ = try startBigCheckout(builder)
        builder.closeInput()
        while try builder.next() != nil {}
        #expect(try builder.end() == 0)
        #expect(try releases().isEmpty)
    }

    @Test(.enabled(if: getuid() == 0, "only root may give a repository to another user"))
    func aRepositoryOfAnotherUserNeedsASafeDirectory() throws {
        let id = try sandbox.commit()
        try sandbox.run(["chown", "-R", "nobody", sandbox.source])
        let home = "\(sandbox.path)/home"
        try files.createDirectory(atPath: home, withIntermediateDirectories: true)
        for url in [sandbox.source, "file://\(sandbox.source)"] {
            try? files.removeItem(atPath: "\(home)/.gitconfig")
            let fetch = BuilderRequest.fetch(root: sandbox.root, url: url, ref: nil)
            let builder = try BuilderChild(home: home)
            _ = try builder.ask(.prepareRoot(root: sandbox.root))
            let refused = try failure(builder.ask(fetch).answer)
            #expect(refused.code == .unsafeOwner)
            #expect(refused.hint?.contains("safe.directory \(sandbox.source)") == true)

            try sandbox.run(
                ["git", "config", "-f", "\(home)/.gitconfig", "--add", "safe.directory", "\(sandbox.source)/elsewhere"])
            let elsewhere = try BuilderChild(home: home)
            #expect(try failure(elsewhere.ask(fetch).answer).code == .unsafeOwner)

            try sandbox.run(["git", "config", "-f", "\(home)/.gitconfig", "--add", "safe.directory", sandbox.source])
            let allowed = try BuilderChild(home: home)
            #expect(try commit(allowed.ask(fetch).answer)?.id == id)
        }
    }
}
