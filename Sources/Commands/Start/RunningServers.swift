import AdminAPI
import AdminClient
import AppConfig
import Glibc
import Linux
import Model

/// What runs already when a server is to be started. Two servers of one deploy root would write the same journals, and
/// two of one name the same directory; the sockets would refuse the second one only after it had made its files.
struct RunningServers {
    private let instances: [InstanceRecord]

    init(runtimeDirectory: String) {
        instances = InstanceRegistry(directories: [runtimeDirectory]).instances()
    }

    /// Waits for a `deploy` that works on the root without a server, because the release that it makes is to be served.
    func makeWay(for configuration: LoadedConfiguration) throws {
        let roots = Set(configuration.apps.filter(\.location.isDeployRoot).map(\.location.path))
        let served = Set(configuration.apps.map(\.location.path))
        let rivals = instances.filter { $0.apps.contains { roots.contains($0.root) } }
        for passing in rivals where passing.isTransient {
            let place = passing.apps.map(\.root).joined(separator: ", ")
            printError("a deploy is at work on \(place) (pid \(passing.pid)); starting when it is done")
            passing.waitUntilGone()
        }
        let name = configuration.server.instanceName
        guard let rival = instances.first(where: { $0.name == name }) ?? rivals.first(where: { !$0.isTransient }) else {
            return
        }
        let theirs = rival.apps.map(\.root).joined(separator: ", ")
        throw StartError(
            "the server \"\(rival.name)\" (pid \(rival.pid)) runs already and serves \(theirs)",
            hint: rival.apps.contains { served.contains($0.root) }
                ? "Stop it with `passenger stop`, or have it take on what changed with `passenger reload`."
                : "Give this one another name with --instance-name.",
            exitCode: 4)
    }
}

extension InstanceRecord {
    /// Made for one `deploy` while no server ran: it serves nobody.
    var isTransient: Bool { listen.isEmpty }

    /// Of the supervisor, and so of everything below it.
    func waitUntilGone(within limit: Duration? = nil) {
        // A pidfd is readable when its process has ended (pidfd_open(2)).
        guard let process = try? pidfdOpen(pid: pid), processRuns(pid: pid, startTime: startTime) else { return }
        var request = pollfd(fd: process.number, events: Int16(POLLIN), revents: 0)
        let milliseconds = limit.map { Int32(clamping: Int64($0.inMilliseconds)) } ?? -1
        while poll(&request, 1, milliseconds) < 0, errno == EINTR {}
    }
}
