import Foundation
import Glibc
import Linux
import Testing

/// A root of its own whose first process is this machine's systemd, with control groups of its own and a journal, and nothing else
/// that Debian would start.
final class SystemdRoot {
    let root: TestRoot
    private let place: Place
    private let group = "passenger-tests-\(getpid())-\(UInt32.random(in: 0 ... .max))"

    private static let program = "/usr/lib/systemd/systemd"
    static let isPossible =
        geteuid() == 0 && access(program, X_OK) == 0 && text(of: "/proc/filesystems").contains("cgroup2")

    init(in place: Place) throws {
        self.place = place
        root = try TestRoot(in: place, preparing: Self.preparation(group), first: Self.first)
        let root = root
        try eventually("systemd", evidence: { root.program.log }) {
            guard root.exists("/run/systemd/private") else { return false }
            return try root.begin(["systemctl", "is-active", "--quiet", "basic.target"]).wait().status == 0
        }
    }

    deinit {
        root.program.signal(SIGKILL)
        _ = try? root.program.wait(within: .seconds(30))
        let script = """
            mount -t cgroup2 cgroup2 /sys/fs/cgroup
            cd /sys/fs/cgroup
            for try in 1 2 3 4 5 6 7 8 9 10; do
              find \(group) -depth -type d -exec rmdir {} + && exit || sleep 0.2
            done
            """
        let end = try? Program(
            ["unshare", "--mount", "sh", "-c", script], environment: ProcessInfo.plainEnvironment, in: place
        ).wait(within: .seconds(60))
        if end?.status != 0 { Issue.record("control group \(group) is left: \(end?.everything ?? "")") }
    }

    /// Hides the machine's devices, in which systemd would leave a link, and its control groups; moves to a new one, which `first`
    /// makes the root.
    private static func preparation(_ group: String) -> String {
        """
        mkdir /tmp/dev
        mount -t tmpfs -o mode=755 tmpfs /tmp/dev
        cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /tmp/dev/
        ln -s /proc/self/fd /tmp/dev/fd
        mkdir /tmp/dev/pts /tmp/dev/shm
        mount -t devpts -o newinstance,ptmxmode=0666 devpts /tmp/dev/pts
        ln -s pts/ptmx /tmp/dev/ptmx
        mount --move /tmp/dev /dev
        umount --recursive --lazy /sys/fs/cgroup
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
        mkdir /sys/fs/cgroup/\(group)
        echo 0 >/sys/fs/cgroup/\(group)/cgroup.procs
        rm -rf /etc/systemd/system/* /lib/systemd/system/*.wants /lib/systemd/system-generators/* /var/log/journal
        mkdir /lib/systemd/system/sysinit.target.wants
        ln -s ../systemd-journald.service /lib/systemd/system/sysinit.target.wants/
        rm -rf /etc/passenger /var/lib/passenger
        mkdir /etc/passenger
        """
    }

    private static let first = [
        "unshare", "--cgroup", "sh", "-ec",
        """
        umount /sys/fs/cgroup
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
        container=test exec \(program) --system --unit=basic.target --log-target=console
        """,
    ]

    // MARK: The service

    @discardableResult
    func systemctl(_ words: String..., expecting status: Int32 = 0) throws -> Program.End {
        let end = try root.begin(["systemctl"] + words).wait(within: .seconds(270), "systemctl \(words)")
        #expect(end.status == status, "\(words): \(end.everything)\n\(journal)")
        return end
    }

    /// What systemd knows of the service (systemctl(1), "show").
    func property(_ name: String) throws -> String {
        let end = try root.begin(["systemctl", "show", "--value", "--property", name, "passenger.service"]).wait()
        return end.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    func mainPid() throws -> Int32 { try #require(Int32(property("MainPID"))) }

    /// Of the service and about it, by systemd too.
    var journal: String {
        let units = ["-u", "passenger.service", "-u", "passenger.socket"]
        return (try? root.begin(["journalctl", "--no-pager", "-o", "cat"] + units).wait().output) ?? "no journal"
    }
}
