import Glibc
import Linux
import Model
import Testing

@testable import Supervisor

extension SupervisorProcessTests {
    /// A real child makes the plan; the test plays the core that is asked.
    @Suite(.serialized, .timeLimit(.minutes(5))) struct ReloadTests {
        private func listener(_ port: UInt16) -> ListenerPlan {
            let address = ListenAddress.tcp(host: "127.0.0.1", port: Int(port))
            return ListenerPlan(name: "http-tcp:\(address)", address: address, backlog: 16, count: 2)
        }

        /// Its reload takes on a second listener instead of the first, and another boot plan.
        private func supervisor(
            old: ListenerPlan, new: ListenerPlan, change: (inout SupervisorPlan) -> Void = { _ in }
        ) throws -> RunningSupervisor {
            try RunningSupervisor { plan, directory in
                plan.instanceDirectory = directory + "/instance"
                plan.listeners = [old]
                var wanted = plan
                wanted.listeners = [new]
                wanted.coreBootPlan = Array("another boot plan".utf8)
                change(&wanted)
                plan.reloader = ReloaderPlan(
                    arguments: ["reload", "reload"], input: MessageCodec.encode(CompiledPlan.plan(wanted)))
            }
        }

        private func freePort() throws -> UInt16 {
            let socket = try bindTCP(host: "127.0.0.1", port: 0, sharesPort: false)
            return try boundPort(socket.number)
        }

        private func isListening(_ port: UInt16) -> Bool { (try? connectTCP(port)) != nil }

        private func connectTCP(_ port: UInt16) throws {
            let socket = Descriptor(owning: Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(socket.number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard result == 0 else { throw SystemError(call: "connect", errno: errno) }
        }

        @Test func `a plan that the core takes on is the supervisor's from then on, and the next core's`() throws {
            let (old, new) = (try freePort(), try freePort())
            let supervisor = try supervisor(old: listener(old), new: listener(new))
            let core = try supervisor.nextCore()
            closeDescriptors(try core.start().listeners.map(\.descriptor))
            try core.send(.requestReload(ticket: 5))
            for index in UInt32(0)...1 {
                let offered = try core.receive()
                #expect(offered.message == .listener(name: listener(new).name, index: index))
                #expect(try boundPort(offered.descriptors[0]) == new)
                closeDescriptors(offered.descriptors)
            }
            let reload = try core.receive()
            #expect(reload.message == .reload(ticket: 5))
            #expect(try readWholeFile(reload.descriptors[0], limit: 100) == Array("another boot plan".utf8))
            closeDescriptors(reload.descriptors)
            #expect(isListening(old))
            try core.send(.reloadAnswer(refusal: nil))
            try supervisor.waitForLog("the new configuration holds")
            #expect(isListening(new) && !isListening(old))

            kill(core.pid, SIGKILL)
            let next = try supervisor.nextCore()
            let started = try next.start()
            #expect(started.bootPlan == Array("another boot plan".utf8))
            #expect(Set(started.listeners.map(\.name)) == [listener(new).name])
            closeDescriptors(started.listeners.map(\.descriptor))
            try supervisor.signal(SIGTERM)
            _ = try next.receive()
            try next.send(.done)
            #expect(try supervisor.waitForExit() == .exited(0))
        }

        @Test func `what the core refuses, or nobody can bind, or a reload may not change, changes nothing`() throws {
            let (old, new) = (try freePort(), try freePort())
            let refusing = try supervisor(old: listener(old), new: listener(new))
            let core = try refusing.nextCore()
            closeDescriptors(try core.start().listeners.map(\.descriptor))
            try refusing.signal(SIGHUP)
            for _ in 0..<3 { closeDescriptors(try core.receive().descriptors) }
            try core.send(.reloadAnswer(refusal: "certificate: none"))
            try refusing.waitForLog("nothing was changed: certificate: none")
            #expect(isListening(old) && !isListening(new))

            let taken = try bindTCP(host: "127.0.0.1", port: 0, sharesPort: false)
            try startListening(taken.number, backlog: 1, subject: "test")
            let unable = try supervisor(old: listener(try freePort()), new: listener(try boundPort(taken.number)))
            let second = try unable.nextCore()
            closeDescriptors(try second.start().listeners.map(\.descriptor))
            try second.send(.requestReload(ticket: 1))
            guard case .reloadRefused(1, let reason) = try second.receive().message else { throw TimedOut(what: "no") }
            #expect(reason.contains("the port is taken"))

            // Not even the child may have the supervisor run something else.
            let port = try freePort()
            let other = try supervisor(old: listener(port), new: listener(port)) { $0.launchProgram = "/bin/sh" }
            let third = try other.nextCore()
            closeDescriptors(try third.start().listeners.map(\.descriptor))
            try third.send(.requestReload(ticket: 1))
            guard case .reloadRefused(1, let why) = try third.receive().message else { throw TimedOut(what: "no") }
            #expect(why.contains("only a restart"))
        }
    }
}
