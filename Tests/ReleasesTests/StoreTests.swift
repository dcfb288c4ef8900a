import Foundation
import Glibc
import Linux
import Model
import Synchronization
import Testing

@testable import Releases

/// Opens a path again and again.
private final class Watch: Sendable {
    let path: String
    let done = Atomic<Bool>(false)
    let looks = Atomic<Int>(0)
    let misses = Atomic<Int>(0)
    init(path: String) { self.path = path }

    func run() {
        while !done.load(ordering: .acquiring) {
            if access(path, R_OK) != 0 { misses.add(1, ordering: .relaxed) }
            looks.add(1, ordering: .relaxed)
        }
    }
}

@Suite struct StoreTests {
    let builder: InProcess
    let sandbox: Sandbox
    private let files = FileManager.default

    init() throws {
        builder = try InProcess()
        sandbox = try Sandbox()
    }

    /// Makes releases of these numbers, all of one commit.
    private func makeReleases(_ numbers: Int...) throws -> [ReleaseName] {
        try sandbox.write("app/main.rb")
        let commit = try sandbox.commit()
        try builder.fetch(sandbox)
        return try numbers.map { try builder.checkout(sandbox, $0, commit).name }
    }

    @Test func preparingARootTwiceChangesNothing() throws {
        for _ in 0..<2 { #expect(try builder(.prepareRoot(root: sandbox.root)) == .done) }
        let names = try Set(files.contentsOfDirectory(atPath: sandbox.root))
        #expect(names == [".passenger", "releases", "repo.git", "shared"])
    }

    @Test func aHalfMadeMirrorIsMadeAnew() throws {
        try files.createDirectory(atPath: "\(sandbox.root)/repo.git/refs", withIntermediateDirectories: true)
        try sandbox.commit()
        try builder.fetch(sandbox)
    }

    @Test func aRealCurrentStopsEverythingBeforeItBegins() throws {
        try files.createDirectory(atPath: "\(sandbox.root)/current", withIntermediateDirectories: true)
        let error = try failure { _ = try builder(.prepareRoot(root: sandbox.root)) }
        #expect(error.code == .notALink)
        #expect(try files.contentsOfDirectory(atPath: sandbox.root) == ["current"])
    }

    @Test func linksInThePlaceOfTheRootsDirectoriesAreRefused() throws {
        try files.createDirectory(atPath: sandbox.root, withIntermediateDirectories: true)
        try files.createSymbolicLink(atPath: "\(sandbox.root)/releases", withDestinationPath: "/tmp")
        #expect(try failure { _ = try builder(.prepareRoot(root: sandbox.root)) }.code == .unusableRoot)
    }

    @Test func aDirectoryWithoutTheMarkerIsNoRoot() throws {
        #expect(try failure { _ = try builder(.listReleases(root: sandbox.source)) }.code == .unusableRoot)
        #expect(try failure { _ = try builder(.listReleases(root: "relative")) }.code == .invalidRequest)
    }

    @Test func onlyReleasesAreListedAndInOrder() throws {
        let names = try makeReleases(9, 10, 1)
        try files.createDirectory(atPath: "\(sandbox.root)/releases/20260101", withIntermediateDirectories: true)
        try files.createDirectory(atPath: "\(sandbox.root)/releases/.tmp-3-x", withIntermediateDirectories: true)
        #expect(try builder(.listReleases(root: sandbox.root)) == .releases(names.sorted()))
    }

    @Test func currentNamesARelease() throws {
        let names = try makeReleases(1, 2)
        #expect(try builder(.readCurrent(root: sandbox.root)) == .current(.missing))
        for name in names {
            #expect(try builder(.moveCurrent(root: sandbox.root, release: name)) == .done)
            #expect(try builder(.readCurrent(root: sandbox.root)) == .current(.release(name)))
            #expect(try files.destinationOfSymbolicLink(atPath: "\(sandbox.root)/current") == "releases/\(name)")
        }
        let missing = try #require(ReleaseName("3-0000000"))
        let error = try failure { _ = try builder(.moveCurrent(root: sandbox.root, release: missing)) }
        #expect(error.code == .noSuchRelease)
        #expect(try builder(.readCurrent(root: sandbox.root)) == .current(.release(names[1])))
    }

    @Test func aForeignCurrentIsReported() throws {
        _ = try builder(.prepareRoot(root: sandbox.root))
        try files.createSymbolicLink(atPath: "\(sandbox.root)/current", withDestinationPath: "/srv/other")
        #expect(try builder(.readCurrent(root: sandbox.root)) == .current(.foreign(target: "/srv/other")))
    }

    @Test func readersNeverFindCurrentMissing() throws {
        let names = try makeReleases(1, 2)
        _ = try builder(.moveCurrent(root: sandbox.root, release: names[0]))
        let watch = Watch(path: "\(sandbox.root)/current/app/main.rb")
        let group = DispatchGroup()
        DispatchQueue.global().async(group: group) { watch.run() }
        var moves = 0
        while moves < 200 || watch.looks.load(ordering: .relaxed) == 0 {
            _ = try builder(.moveCurrent(root: sandbox.root, release: names[moves % 2]))
            moves += 1
        }
        watch.done.store(true, ordering: .releasing)
        group.wait()
        #expect(watch.misses.load(ordering: .relaxed) == 0)
    }

    @Test func theCurrentReleaseIsNotRemoved() throws {
        let names = try makeReleases(1, 2)
        _ = try builder(.moveCurrent(root: sandbox.root, release: names[1]))
        let error = try failure { _ = try builder(.removeRelease(root: sandbox.root, release: names[1])) }
        #expect(error.code == .releaseInUse)
        #expect(try builder(.removeRelease(root: sandbox.root, release: names[0])) == .removed([names[0]]))
        #expect(try builder(.listReleases(root: sandbox.root)) == .releases([names[1]]))
    }

    @Test func retentionKeepsWhatIsNamedCurrentOrInUse() throws {
        let names = try makeReleases(1, 2, 3, 4, 5)
        _ = try builder(.moveCurrent(root: sandbox.root, release: names[3]))
        let inside = "\(sandbox.root)/releases/\(names[0])/app"
        let ready = try Linux.Pipe(nonBlockingReader: false)
        let user = try spawnProcess(
            path: "/bin/sh", arguments: ["sh", "-c", "cd \(inside) && echo ready && exec sleep 60"],
            environment: ["PATH=/usr/bin:/bin"], moves: [DescriptorMove(source: ready.writer.number, target: 1)])
        defer {
            kill(user, SIGKILL)
            _ = try? waitForChild(user)
        }
        #expect(try readSome(ready.reader.number, limit: 16).count == 6)
        let error = try failure { _ = try builder(.removeRelease(root: sandbox.root, release: names[0])) }
        #expect(error.code == .releaseInUse)
        #expect(error.message.contains("\(user)"))
        let removed = try builder(.prune(root: sandbox.root, keep: [names[4]]))
        #expect(removed == .removed([names[1], names[2]]))
        #expect(try builder(.listReleases(root: sandbox.root)) == .releases([names[0], names[3], names[4]]))
    }

    @Test func deletionDoesNotFollowLinksAndCopesWithLockedDirectories() throws {
        let name = try makeReleases(1)[0]
        let release = "\(sandbox.root)/releases/\(name)"
        try files.createSymbolicLink(atPath: "\(release)/app/out", withDestinationPath: sandbox.source)
        try files.setAttributes([.posixPermissions: 0o500], ofItemAtPath: "\(release)/app")
        _ = try builder(.removeRelease(root: sandbox.root, release: name))
        #expect(files.fileExists(atPath: "\(sandbox.source)/app/main.rb"))
        #expect(try files.contentsOfDirectory(atPath: "\(sandbox.root)/releases").isEmpty)
    }

    @Test func remainsOfInterruptedStepsAreCleaned() throws {
        let names = try makeReleases(1)
        for path in ["releases/.tmp-2-abc/deep/er", "releases/.trash-1-x"] {
            try files.createDirectory(atPath: "\(sandbox.root)/\(path)", withIntermediateDirectories: true)
        }
        try files.createSymbolicLink(atPath: "\(sandbox.root)/.current-2-abc", withDestinationPath: "releases/x")
        #expect(try builder(.cleanTemporary(root: sandbox.root)) == .done)
        #expect(try files.contentsOfDirectory(atPath: "\(sandbox.root)/releases") == [names[0].description])
        #expect(try !files.contentsOfDirectory(atPath: sandbox.root).contains { $0.hasPrefix(".current") })
    }
}
