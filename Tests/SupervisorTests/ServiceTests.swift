import Glibc
import Linux
import Model
import Testing

@testable import Supervisor

private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1e9)) }

@Suite("Service manager")
struct ServiceTests {
    @Test("sockets are ours only when LISTEN_PID says so, and have names only when there is one for each")
    func sockets() {
        var variables = ["LISTEN_FDS": "2", "LISTEN_PID": "7", "LISTEN_FDNAMES": "a:"]
        #expect(
            ServiceEnvironment(variables, pid: 7).sockets == [
                .init(descriptor: 3, name: "a"), .init(descriptor: 4, name: ""),
            ])
        #expect(ServiceEnvironment(variables, pid: 8).sockets.isEmpty)
        variables["LISTEN_FDNAMES"] = "a"
        #expect(ServiceEnvironment(variables, pid: 7).sockets.map(\.name) == ["unknown", "unknown"])
        for count in ["", "-1", "x", "0"] {
            variables["LISTEN_FDS"] = count
            #expect(ServiceEnvironment(variables, pid: 7) == ServiceEnvironment([:], pid: 7))
        }
        variables["LISTEN_FDS"] = "100000"
        let many = ServiceEnvironment(variables, pid: 7)
        #expect(many.sockets.isEmpty && many.problems.count == 1)
    }

    @Test("the manager's socket is a path or an abstract name; its watchdog is this process's or nobody's")
    func notify() {
        var variables = ["NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "3000000"]
        #expect(ServiceEnvironment(variables, pid: 7).notifySocket == "@x")
        #expect(ServiceEnvironment(variables, pid: 7).watchdog == .seconds(3))
        variables["WATCHDOG_PID"] = "8"
        #expect(ServiceEnvironment(variables, pid: 7).watchdog == nil)
        variables["WATCHDOG_PID"] = "7"
        #expect(ServiceEnvironment(variables, pid: 7).watchdog == .seconds(3))
        for wrong in ["vsock:2:1", "x", "/", "@"] {
            variables["NOTIFY_SOCKET"] = wrong
            let environment = ServiceEnvironment(variables, pid: 7)
            #expect(environment.notifySocket == nil && environment.watchdog == nil && environment.problems.count == 1)
        }
    }

    @Test("notices are sd_notify's lines, and what a core says is one of them at most")
    func notices() {
        #expect(ServiceNotice.ready(status: "up").text(now: at(1)) == "READY=1\nSTATUS=up")
        #expect(ServiceNotice.ready(status: nil).text(now: at(1)) == "READY=1")
        #expect(ServiceNotice.reloading.text(now: at(1.5)) == "RELOADING=1\nMONOTONIC_USEC=1500000")
        #expect(ServiceNotice.stopping.text(now: at(1)).hasPrefix("STOPPING=1\n"))
        #expect(ServiceNotice.watchdog.text(now: at(1)) == "WATCHDOG=1")
        #expect(ServiceNotice.store(name: "n").text(now: at(1)) == "FDSTORE=1\nFDNAME=n\nFDPOLL=0")
        #expect(ServiceNotice.forget(name: "n").text(now: at(1)) == "FDSTOREREMOVE=1\nFDNAME=n")
        #expect(ServiceNotice.status("x\nMAINPID=1\r\u{7F}").text(now: at(1)) == "STATUS=x MAINPID=1  ")
        let long = ServiceNotice.status(String(repeating: "ü", count: 5000)).text(now: at(1))
        #expect(long == "STATUS=" + String(repeating: "ü", count: ServiceNotice.longestStatus))
    }

    @Test("a sign of life is given every half of the time, if the core has answered since, or the server stops")
    func watchdog() {
        var pulse = WatchdogPulse(time: .seconds(10))
        #expect(pulse.deadline(isStopping: false) == nil)
        pulse.coreAnswered()
        #expect(pulse.isDue(isStopping: false, now: at(1)) == true)
        pulse.coreAnswered()
        #expect(pulse.deadline(isStopping: false) == at(6))
        #expect(pulse.isDue(isStopping: false, now: at(5.9)) == false)
        #expect(pulse.isDue(isStopping: false, now: at(6)) == true)
        #expect(pulse.isDue(isStopping: false, now: at(100)) == false)
        #expect(pulse.isDue(isStopping: true, now: at(100)) == true)
        #expect(pulse.deadline(isStopping: true) == at(105))
    }

    @Test("a core that hangs is replaced before the manager would end the service, which hears nothing meanwhile")
    func replacedInTime() {
        var machine = SupervisorStateMachine(shutdownTimeout: .seconds(25), watchdogTime: .seconds(12))
        _ = machine.start()
        _ = machine.coreStarted(pid: 100, now: at(0))
        #expect(machine.timePassed(now: at(1)) == [.send(.ping)])
        #expect(machine.received(.pong, now: at(1)) == [.tell(.watchdog)])
        var now = at(1)
        while let next = machine.nextDeadline, next < at(20) {
            now = max(now, next)
            let actions = machine.timePassed(now: now)
            #expect(!actions.contains(.tell(.watchdog)))
            if actions.contains(.signalGroup(pid: 100, signal: Signal.kill)) { break }
        }
        #expect(now <= at(8))
        let end = machine.ended(pid: 100, reason: .signalled(9, dumpedCore: false), launchFailure: nil, now: now)
        #expect(end.last == .startCore(number: 2))
        _ = machine.coreStarted(pid: 101, now: now)
        #expect(machine.timePassed(now: now + .seconds(1)) == [.send(.ping)])
        #expect(machine.received(.pong, now: now + .seconds(1)) == [.tell(.watchdog)])
    }

    private func plan(_ name: String, _ address: ListenAddress) -> ListenerPlan {
        ListenerPlan(name: name, address: address, backlog: 1)
    }

    private func arrived(_ number: Int32, _ name: String, _ address: ListenAddress?) -> ArrivedSocket {
        ArrivedSocket(descriptor: number, name: name, address: address)
    }

    @Test("sockets are known by their address, and one on a chosen port by its name")
    func matches() {
        let http = ListenAddress.tcp(host: "0.0.0.0", port: 80)
        let any = ListenAddress.tcp(host: "127.0.0.1", port: 0)
        let chosen = ListenAddress.tcp(host: "127.0.0.1", port: 4711)
        let name = StoredSockets.name("http-tcp:127.0.0.1:0")
        #expect(name == "passenger.listener.http-tcp_127.0.0.1_0" && StoredSockets.isOurs(name))
        #expect(!StoredSockets.isOurs("passenger.socket"))
        #expect(StoredSockets.name("x:é %").allSatisfy { $0.isASCII && $0 != ":" && $0 != " " })
        #expect(StoredSockets.name(String(repeating: "x", count: 1000)).utf8.count == 255)
        let sockets = [
            arrived(3, "passenger.socket", http), arrived(4, name, chosen), arrived(5, name, chosen),
            arrived(6, "other.socket", .tcp(host: "0.0.0.0", port: 81)), arrived(7, "x", nil),
            arrived(8, "passenger.socket", .tcp(host: "127.0.0.1", port: 80)),
            arrived(9, "admin", .unix(path: "/run/a")),
        ]
        let found = StoredSockets.match(
            sockets,
            with: [
                plan("http-tcp:0.0.0.0:80", http), plan("http-tcp:127.0.0.1:0", any),
                plan("admin", .unix(path: "/run/a")),
                plan("none", .unix(path: "/run/b")),
            ])
        #expect(
            found.mapValues { $0.map(\.descriptor) } == [
                "http-tcp:0.0.0.0:80": [3], "http-tcp:127.0.0.1:0": [4, 5], "admin": [9],
            ])
    }

    @Test("only what listens for streams has an address")
    func addresses() throws {
        let directory = try TemporaryDirectory()
        let tcp = try bindTCP(host: "::1", port: 0, sharesPort: false)
        #expect(listeningAddress(tcp.number) == nil)
        try startListening(tcp.number, backlog: 1, subject: "test")
        #expect(listeningAddress(tcp.number) == .tcp(host: "::1", port: Int(try boundPort(tcp.number))))
        let unix = try listenUnix(path: directory.path + "/s", mode: 0o600, backlog: 1)
        #expect(listeningAddress(unix.number) == .unix(path: directory.path + "/s"))
        let pipe = try Pipe()
        #expect(listeningAddress(pipe.reader.number) == nil)
        #expect(canonicalAddress("0:0::1") == "::1" && canonicalAddress("127.0.0.1") == "127.0.0.1")
        #expect(canonicalAddress("localhost") == nil)
    }

    @Test("a manager that does not read is told later, in order, and nobody waits for it", arguments: [true, false])
    func patience(isAbstract: Bool) throws {
        let directory = try TemporaryDirectory()
        let address = (isAbstract ? "@" : "") + directory.path + "/notify"
        let receiver = try datagramSocket(address)
        let manager = ServiceManager(
            ServiceEnvironment(["NOTIFY_SOCKET": address], pid: getpid()), log: SupervisorLog(format: .text))
        var sent = 0
        while manager.retryAt == nil, sent < 10_000 {
            manager.tell(.status("\(sent)"))
            sent += 1
        }
        try #require(manager.retryAt != nil)
        let pipe = try Pipe()
        manager.tell(.store(name: "x"), descriptors: [pipe.reader.number])
        manager.tell(.watchdog)
        var texts: [String] = []
        var descriptors: [Int32] = []
        while texts.last?.hasPrefix("FDSTORE=1") != true {
            try waitReadable(receiver.number, "a notice")
            let packet = try #require(try MessageSocket.receive(receiver.number))
            texts.append(String(decoding: packet.bytes, as: UTF8.self))
            descriptors += packet.descriptors
            if let due = manager.retryAt { manager.timePassed(now: due) }
        }
        defer { closeDescriptors(descriptors) }
        #expect(texts.dropLast() == (0..<sent).map { "STATUS=\($0)" }[...])
        #expect(descriptors.count == 1 && manager.retryAt == nil)
        #expect(readLink("/proc/self/fd/\(descriptors[0])") == readLink("/proc/self/fd/\(pipe.reader.number)"))
    }

    @Test("what is listened on is in the store, and nothing else: not what came and was of no use")
    func store() throws {
        let directory = try TemporaryDirectory()
        let address = directory.path + "/notify"
        let receiver = try datagramSocket(address)
        try receiver.setNonBlocking()
        let names = ["a", "b", "gone"].map(StoredSockets.name).joined(separator: ":")
        let manager = ServiceManager(
            ServiceEnvironment(
                [
                    "NOTIFY_SOCKET": address, "LISTEN_FDS": "4", "LISTEN_PID": "7",
                    "LISTEN_FDNAMES": names + ":passenger.socket",
                ], pid: 7), log: SupervisorLog(format: .text))
        let pipe = try Pipe()
        func listener(_ name: String, _ origin: Listeners.Origin, path: String? = nil) -> Listeners.Socket {
            .init(name: name, index: 0, descriptor: pipe.reader.number, path: path, origin: origin)
        }
        func told() throws -> [String] {
            var texts: [String] = []
            while let packet = try? MessageSocket.receive(receiver.number) {
                texts.append(String(decoding: packet.bytes, as: UTF8.self))
                closeDescriptors(packet.descriptors)
            }
            return texts
        }
        // The file of b's socket was gone, so there is another; c is new.
        let sockets = [
            listener("a", .stored, path: "/a"), listener("b", .bound), listener("c", .bound), listener("d", .unit),
        ]
        manager.store(sockets)
        #expect(
            try told()
                == [
                    ServiceNotice.forget(name: StoredSockets.name("b")),
                    .forget(name: StoredSockets.name("gone")), .store(name: StoredSockets.name("b")),
                    .store(name: StoredSockets.name("c")),
                ].map { $0.text(now: at(0)) })
        manager.store(sockets)
        #expect(try told().isEmpty)
        manager.store(Array(sockets.dropLast(2)))
        #expect(try told() == [ServiceNotice.forget(name: StoredSockets.name("c")).text(now: at(0))])
        #expect(manager.keptFiles(sockets) == ["/a"])
    }

    private func datagramSocket(_ text: String) throws -> Descriptor {
        let receiver = Descriptor(
            owning: socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(text.utf8)
        if name[0] == UInt8(ascii: "@") { name[0] = 0 } else { name.append(0) }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(receiver.number, $0, socklen_t(2 + name.count))
            }
        }
        try #require(result == 0)
        return receiver
    }
}
