import Glibc
import Linux
import Model
import Testing

@testable import StaticFiles

@Suite("What a loop keeps of its files")
struct CacheTests {
    private let tree: TemporaryTree
    private let site: TestSite

    init() throws {
        tree = try TemporaryTree()
        try tree.file("app/public/a.txt", "one")
        try tree.directory("app/public/d")
        site = TestSite(tree)
    }

    @Test("within a second the same file, opened once")
    func trusted() throws {
        let first = try #require(site.file("/a.txt"))
        try tree.file("app/public/a.txt", "two")
        site.wait(.milliseconds(999))
        #expect(site.file("/a.txt") === first)
        #expect(try text(first.plain) == "one", "the replaced file is still whole")
    }

    @Test("after it, an unchanged file stays open, and a changed one is opened anew")
    func revalidated() throws {
        let first = try #require(site.file("/a.txt"))
        site.wait()
        #expect(site.file("/a.txt") === first)
        try tree.file("app/public/a.txt", "two")
        site.wait()
        #expect(try site.text("/a.txt") == "two")
        // Written in place, the same inode.
        let descriptor = try openFile(tree.path + "/app/public/a.txt", flags: O_WRONLY | O_APPEND)
        try writeAll(descriptor.number, Array(" more".utf8))
        site.wait()
        #expect(try site.text("/a.txt") == "two more")
        #expect(site.cache.openFileCount == 1)
    }

    @Test("a deleted file is gone, a new one is there, after a second")
    func comingAndGoing() throws {
        #expect(try site.text("/d/b.txt") == nil)
        #expect(site.cache.absenceCount == 1)
        try tree.file("app/public/d/b.txt", "new")
        #expect(try site.text("/d/b.txt") == nil)
        site.wait()
        #expect(try site.text("/d/b.txt") == "new")
        #expect(site.cache.absenceCount == 0)
        try tree.remove("app/public/d/b.txt")
        try tree.remove("app/public/a.txt")
        site.wait()
        #expect(try site.text("/d/b.txt") == nil)
        #expect(try site.text("/a.txt") == nil)
        #expect(site.cache.openFileCount == 0)
    }

    @Test("names at the top of the directory need no entry to be known as absent, and are noticed when they come")
    func topLevel() throws {
        for number in 0..<100 { #expect(try site.text("/users/\(number)") == nil) }
        #expect(site.cache.absenceCount == 0)
        for number in 0..<20 {
            try tree.file("app/public/new\(number).html", "\(number)")
            site.wait()
            #expect(try site.text("/new\(number)") == "\(number)", "however short after the last look it came")
        }
    }

    @Test("a link that changes its target, and a compressed file that comes, are noticed")
    func linksAndVariants() throws {
        try tree.file("app/one.txt", "one")
        try tree.file("app/two.txt", "two")
        try tree.link("app/public/link.txt", to: "../one.txt")
        #expect(try site.text("/link.txt") == "one")
        try tree.remove("app/public/link.txt")
        try tree.link("app/public/link.txt", to: "../two.txt")
        site.wait()
        #expect(try site.text("/link.txt") == "two")
        #expect(site.file("/link.txt")?.hasVariants == false)
        try tree.file("app/public/link.txt.gz", "gz")
        site.wait()
        #expect(site.file("/link.txt")?.hasVariants == true)
    }

    @Test("the whole directory may be replaced")
    func replacedDirectory() throws {
        #expect(try site.text("/a.txt") == "one")
        try tree.file("app/fresh/a.txt", "fresh")
        try #require(rename(tree.path + "/app/public", tree.path + "/app/old") == 0)
        try #require(rename(tree.path + "/app/fresh", tree.path + "/app/public") == 0)
        site.wait()
        #expect(try site.text("/a.txt") == "fresh")
        try #require(rename(tree.path + "/app/public", tree.path + "/app/older") == 0)
        site.wait()
        #expect(try site.text("/a.txt") == nil)
    }

    @Test("entries of one site are never another's")
    func twoSites() throws {
        try tree.file("other/public/a.txt", "other")
        let other = StaticSite(
            releases: [StaticSite.Release(directory: tree.path + "/other")], shared: nil, settings: FileSettings())
        #expect(try site.text("/a.txt") == "one")
        let found = Array("/a.txt".utf8).withUnsafeBytes { site.cache.find(other, path: $0, now: site.now) }
        guard case .file(let file) = found else {
            Issue.record("\(found)")
            return
        }
        #expect(try text(file.plain) == "other")
        #expect(try site.text("/a.txt") == "one")
        site.cache.forget(other)
        #expect(site.cache.openFileCount == 1)
    }

    @Test("it never holds more than its capacity, and what is asked for again stays")
    func bounded() throws {
        let site = TestSite(tree, capacity: 8)
        for number in 0..<40 { try tree.file("app/public/d/\(number).txt", "\(number)") }
        let kept = try #require(site.file("/a.txt"))
        for number in 0..<40 {
            #expect(try site.text("/d/\(number).txt") == "\(number)")
            #expect(try site.text("/d/absent\(number).txt") == nil)
            #expect(site.file("/a.txt") === kept)
            #expect(site.cache.openFileCount <= 8 && site.cache.absenceCount <= 8)
        }
    }

    @Test("what nobody asks for is closed, and the descriptors of a file with it")
    func swept() throws {
        weak let plain = site.file("/a.txt")?.plain
        let before = try #require(plain).number
        site.wait(.seconds(59))
        site.cache.sweep(now: site.now)
        #expect(plain != nil)
        site.wait(.seconds(1))
        site.cache.sweep(now: site.now)
        #expect(plain == nil && site.cache.openFileCount == 0)
        #expect(readLink("/proc/self/fd/\(before)")?.hasPrefix(tree.path) != true)
    }

    @Test("a file that is truncated while it is sent is shorter than was said, and nothing worse")
    func truncated() throws {
        let file = try #require(site.file("/a.txt"))
        try #require(truncate(tree.path + "/app/public/a.txt", 1) == 0)
        #expect(file.plain.size == 3)
        #expect(try text(file.plain) == "o")
        site.wait()
        #expect(site.file("/a.txt")?.plain.size == 1)
    }
}

@Suite("The tables behind it")
struct TableTests {
    @Test("any order of setting and removing keys leaves what a dictionary would have")
    func keyTable() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix(state: seed)
        for _ in 0..<50 {
            var table = KeyTable(capacity: 16)
            var model: [UInt64: Int] = [:]
            for step in 0..<400 {
                // Few keys, and many that start at the same place.
                let key = random.next() % 8 * 32 + random.next() % 4
                if model[key] == nil, model.count < 16, random.next() % 2 == 0 {
                    table.set(key, step)
                    model[key] = step
                } else {
                    table.remove(key)
                    model[key] = nil
                }
                for high in 0..<UInt64(8) {
                    for low in 0..<UInt64(4) {
                        let found = table.value(high * 32 + low)
                        #expect(found == model[high * 32 + low], "seed \(seed)")
                    }
                }
            }
        }
    }

    @Test("no path that is accepted has a segment that is empty, hidden or leads up, whatever is in it")
    func randomPaths() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix(state: seed)
        let parts = ["/", ".", "..", "%2e", "%2F", "%5c", "%00", "a", "\\", "%25", "2e", "/.well-known/", "%"]
        var accepted = 0
        for _ in 0..<20_000 {
            let path =
                "/" + (0..<random.next() % 8).map { _ in parts[Int(random.next() % UInt64(parts.count))] }.joined()
            var decoded: [UInt8] = []
            guard Array(path.utf8).withUnsafeBytes({ RequestPath.decode($0, into: &decoded) }),
                decoded.withUnsafeBytes({ RequestPath.isServable($0) })
            else { continue }
            accepted += 1
            var segments = String(decoding: decoded, as: UTF8.self).split(
                separator: "/", omittingEmptySubsequences: false)
            segments.removeFirst()
            if segments.last == "" { segments.removeLast() }
            if segments.first == ".well-known" { segments.removeFirst() }
            #expect(
                !segments.contains { $0.isEmpty || $0.hasPrefix(".") || $0.contains("\\") }, "seed \(seed): \(path)")
        }
        #expect(accepted > 100)
    }
}

private struct SplitMix {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
