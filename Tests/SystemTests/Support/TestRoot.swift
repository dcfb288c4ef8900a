import AdminAPI
import AdminClient
import Foundation
import Glibc
import Linux
import Model
import Testing

/// This machine's own system in which a test may change what it likes: an overlay in memory, with mounts, processes, /run and /tmp
/// of its own. The test's place and the sources are where they always are; the network is the machine's. All of it ends with the test.
final class TestRoot {
    private let place: Place
    let program: Program
    /// Its first process, by the number that it has outside.
    let pid: Int32

    /// `preparing` is shell, run as root when the mounts are there; then the first process becomes `first`.
    init(in place: Place, preparing: String = "true", first: [String] = TestRoot.reaper) throws {
        self.place = place
        let upper = "\(place.path)/upper"
        try FileManager.default.createDirectory(atPath: upper, withIntermediateDirectories: false)
        let program = try Program(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", Self.mounts, upper, place.path]
                + [SourceTree.path, preparing] + first,
            environment: Self.environment, in: place)
        self.program = program
        var child: Int32?
        try eventually("a root of its own", evidence: { program.log }) {
            if program.hasEnded { throw TimedOut(what: "it ended: \(try program.wait())", evidence: program.log) }
            child = text(of: "/proc/\(program.pid)/task/\(program.pid)/children").split(separator: " ").first
                .flatMap { Int32($0) }
            return child != nil && !text(of: "\(place.path)/is-there").isEmpty
        }
        pid = try #require(child)
    }

    deinit {
        // `--kill-child`: the first process goes with it, and with that one all others and the mounts.
        program.signal(SIGKILL)
        _ = try? program.wait(within: .seconds(30))
    }

    /// Children of a process that ignores their ends do not stay as zombies.
    static let reaper = [
        "/usr/bin/python3", "-c", "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); signal.pause()",
    ]

    /// The old root is let go of, so nothing in here can reach what is outside of it.
    private static let mounts = """
        upper=$0 place=$1 sources=$2 preparing=$3
        shift 3
        exec 9>"$place/is-there"
        mount --make-rprivate /
        mount -t tmpfs tmpfs "$upper"
        mkdir "$upper/changes" "$upper/work" "$upper/root"
        mount -t overlay overlay -o "lowerdir=/,upperdir=$upper/changes,workdir=$upper/work" "$upper/root"
        cd "$upper/root"
        mount -t proc proc proc
        mount --rbind /dev dev
        mount --rbind /sys sys
        mount -t tmpfs tmpfs run
        mount -t tmpfs tmpfs tmp
        mkdir -p ".$place" ".$sources"
        mount --bind "$place" ".$place"
        mount --bind "$sources" ".$sources"
        pivot_root . mnt
        cd /
        umount -l /mnt
        eval "$preparing"
        echo yes >&9
        exec "$@" 9>&-
        """

    private static let environment = [
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
    ]

    /// A command in it, as root.
    func begin(_ command: [String], adding variables: [String: String] = [:]) throws -> Program {
        try Program(
            ["nsenter", "--target", "\(pid)", "--mount", "--pid", "--cgroup", "--root", "--wd=/"] + command,
            environment: Self.environment.merging(variables) { $1 }, in: place)
    }

    @discardableResult
    func run(_ command: String..., expecting status: Int32 = 0) throws -> Program.End {
        try run(command, expecting: status)
    }

    @discardableResult
    func run(_ command: [String], expecting status: Int32 = 0) throws -> Program.End {
        let end = try begin(command).wait(within: .seconds(270), command.joined(separator: " "))
        #expect(end.status == status, "\(command.joined(separator: " ")): \(end.everything)")
        return end
    }

    @discardableResult
    func shell(_ script: String) throws -> Program.End { try run("sh", "-ec", script) }

    /// Seen from outside.
    func path(_ inside: String) -> String { "/proc/\(pid)/root\(inside)" }

    /// A link, too, wherever it leads.
    func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(self.path(path), &status) == 0
    }

    /// Of a server in it; the pid is that of inside.
    func instance(_ name: String, in directory: String = "/run/passenger") -> InstanceRecord? {
        guard let bytes = try? readFile(path("\(directory)/\(name)/instance.json")) else { return nil }
        return try? WireJSON.decode(InstanceRecord.self, from: bytes)
    }

    func admin(_ instance: InstanceRecord) -> AdminClient { AdminClient(socketPath: path(instance.adminSocket)) }

    func port(_ instance: InstanceRecord) throws -> Int {
        try #require(Int(instance.listen[0].split(separator: ":").last ?? ""))
    }
}
