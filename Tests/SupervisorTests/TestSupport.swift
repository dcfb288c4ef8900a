import Glibc
import Linux
import Model
import Testing

@testable import Supervisor

let isRoot = geteuid() == 0
let needsRoot: Comment = "only root can switch users"

/// The built programs lie beside the test program.
func builtProgram(_ name: String) -> String {
    let own = readLink("/proc/self/exe") ?? CommandLine.arguments[0]
    return own[..<(own.lastIndex(of: "/") ?? own.startIndex)] + "/" + name
}

struct TimedOut: Error { var what: String }

/// Waits until it can be read, or its other end is gone.
func waitReadable(_ fd: Int32, seconds: Double = 30, _ what: String) throws {
    var request = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
    let limit = monotonicNow() + .seconds(seconds)
    while true {
        let left = (limit - monotonicNow()).inMilliseconds
        if left <= 0 { throw TimedOut(what: what) }
        if poll(&request, 1, Int32(left) + 1) > 0 { return }
    }
}

/// Waits for the end of a process that need not be a child.
func waitGone(_ pidfd: borrowing Descriptor, seconds: Double = 30, _ what: String) throws {
    try waitReadable(pidfd.number, seconds: seconds, what)
}

/// Up to the end of the file.
func readToEnd(_ fd: Int32, _ what: String) throws -> String {
    var bytes: [UInt8] = []
    while true {
        try waitReadable(fd, what)
        let more = try readSome(fd, limit: 4096)
        if more.isEmpty { return String(decoding: bytes, as: UTF8.self) }
        bytes += more
    }
}

func readLine(_ fd: Int32, _ what: String) throws -> String {
    var bytes: [UInt8] = []
    while bytes.last != UInt8(ascii: "\n") {
        try waitReadable(fd, what)
        let more = try readSome(fd, limit: 1)
        if more.isEmpty { break }
        bytes += more
    }
    return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
}

func openDescriptors(pid: Int32) throws -> [Int32] {
    let directory = try openFile("/proc/\(pid)/fd", flags: O_RDONLY | O_DIRECTORY)
    return try directoryEntries(directory.number).compactMap { Int32($0) }.sorted()
}

/// A line of /proc/PID/status, split at white space, without its name.
func statusLine(_ name: String, pid: Int32) throws -> [String] {
    let text = String(decoding: try readFile("/proc/\(pid)/status"), as: UTF8.self)
    let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") }
    return try #require(line).split(whereSeparator: \.isWhitespace).dropFirst().map(String.init)
}

/// A directory that everybody may enter, removed with what lies in it.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/passenger-test-XXXXXX".utf8CString)
        _ = try #require(mkdtemp(&template))
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        chmod(path, 0o755)
    }

    deinit {
        guard let directory = try? openFile(path, flags: O_RDONLY | O_DIRECTORY) else { return }
        for name in (try? directoryEntries(directory.number)) ?? [] where unlinkat(directory.number, name, 0) != 0 {
            unlinkat(directory.number, name, AT_REMOVEDIR)
        }
        rmdir(path)
    }
}

/// /bin/sh -c SCRIPT with a plain PATH.
func shellPlan(_ script: String) -> LaunchPlan {
    LaunchPlan(arguments: ["/bin/sh", "-c", script], environment: ["PATH=/usr/bin:/bin"], directory: "/")
}
