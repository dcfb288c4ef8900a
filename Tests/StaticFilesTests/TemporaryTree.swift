import Glibc
import HTTP1
import Linux
import Model
import Testing

@testable import StaticFiles

/// A directory tree that goes with the test.
final class TemporaryTree {
    let path: String

    init() throws {
        var template = Array("/tmp/passenger-static-XXXXXX".utf8CString)
        _ = try #require(mkdtemp(&template))
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        if let directory = try? openFile(path, flags: O_RDONLY | O_DIRECTORY) {
            emptyDirectory(directory.number, deepest: 12)
        }
        rmdir(path)
    }

    @discardableResult
    func directory(_ name: String) throws -> String {
        var made = path
        for part in name.split(separator: "/") {
            made += "/" + part
            if mkdir(made, 0o755) != 0 { try #require(access(made, F_OK) == 0) }
        }
        return made
    }

    /// Written beside and renamed into place.
    @discardableResult
    func file(_ name: String, _ text: String = "content", modified: Int? = nil) throws -> String {
        if let slash = name.lastIndex(of: "/") { try directory(String(name[..<slash])) }
        let target = path + "/" + name
        let temporary = path + "/.temporary"
        do {
            let descriptor = try openFile(temporary, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
            try writeAll(descriptor.number, Array(text.utf8))
        }
        if let modified { try setTime(temporary, modified) }
        try #require(rename(temporary, target) == 0)
        return target
    }

    func link(_ name: String, to target: String) throws {
        if let slash = name.lastIndex(of: "/") { try directory(String(name[..<slash])) }
        try #require(symlink(target, path + "/" + name) == 0)
    }

    func remove(_ name: String) throws { try #require(unlink(path + "/" + name) == 0) }

    func setTime(_ path: String, _ seconds: Int) throws {
        let times = [timespec(tv_sec: seconds, tv_nsec: 0), timespec(tv_sec: seconds, tv_nsec: 0)]
        try #require(utimensat(AT_FDCWD, path, times, 0) == 0)
    }
}

/// One site with its cache and a clock that the test moves.
final class TestSite {
    let tree: TemporaryTree
    let site: StaticSite
    let cache: FileCache
    var now = Instant(nanoseconds: 1_000_000_000)

    init(
        _ tree: TemporaryTree, releases: [String] = ["app"], shared: String? = "shared", capacity: Int = 1024,
        _ settings: FileSettings = FileSettings()
    ) {
        self.tree = tree
        site = StaticSite(
            releases: releases.map { StaticSite.Release(directory: tree.path + "/" + $0) },
            shared: shared.map { tree.path + "/" + $0 }, settings: settings)
        cache = FileCache(capacity: capacity)
    }

    func find(_ path: String) -> FileFinding {
        Array(path.utf8).withUnsafeBytes { cache.find(site, path: $0, now: now) }
    }

    func file(_ path: String) -> StaticFile? {
        if case .file(let file) = find(path) { file } else { nil }
    }

    /// The served text; nil when nothing is.
    func text(_ path: String) throws -> String? { try file(path).map { try StaticFilesTests.text($0.plain) } }

    func wait(_ duration: Duration = .seconds(1)) { now = now + duration }
}

func text(_ file: OpenFile) throws -> String {
    String(decoding: try readWholeFile(file.number, limit: 1 << 20), as: UTF8.self)
}

extension FileFinding {
    var name: String {
        switch self {
        case .file: "file"
        case .none: "none"
        case .missingFingerprinted: "missing fingerprinted"
        case .failed: "failed"
        }
    }
}
