import AdminAPI
import Foundation
import Glibc
import Linux
import Testing

extension SystemTests {
    /// An interpreter that does not do what a loader should: each way ends with a reason, and with no process left.
    @Suite(.serialized) struct HandshakeTests {
        struct Misbehaviour: Sendable, CustomTestStringConvertible {
            var name: String
            var script: String
            /// What the reason has to say.
            var reason: String
            var testDescription: String { name }
        }

        static let all = [
            Misbehaviour(name: "exits at once", script: "echo last words >&2; exit 7", reason: "exit status 7"),
            Misbehaviour(name: "hangs", script: "exec sleep 600", reason: "start_timeout"),
            Misbehaviour(
                name: "prints garbage", script: "echo 'no handshake at all' >&4; exec sleep 600",
                reason: "not a handshake message"),
            Misbehaviour(name: "closes the pipe", script: "exec 4>&-; exec sleep 600", reason: "closed its handshake"),
            Misbehaviour(name: "forks and leaves", script: "sleep 600 & exit 0", reason: "exit status 0"),
        ]

        @Test(.timeLimit(.minutes(3)), arguments: all)
        func `a loader that misbehaves is reported and ended`(_ misbehaviour: Misbehaviour) throws {
            let place = try Place()
            let app = try place.copyApp(.ruby, as: "app")
            let interpreter = "\(app)/interpreter"
            // Its processes carry a name that nothing else on the machine has.
            let mark = "600.\(getpid())\(UInt16.random(in: 1000...9999))"
            let script = "#!/bin/sh\n" + misbehaviour.script.replacingOccurrences(of: "600", with: mark) + "\n"
            try script.write(toFile: interpreter, atomically: false, encoding: .utf8)
            chmod(interpreter, 0o755)
            AppUser.own(app)
            let server = TestServer(app, in: place)
            try server.start(["--ruby", interpreter, "--start-timeout", "5s"])
            try eventually("the reason of a failed boot", within: .seconds(60), evidence: { server.log }) {
                guard let failure = try server.appStatus().lastFailure else { return false }
                return "\(failure.step) \(failure.summary) \(failure.exit ?? "")".contains(misbehaviour.reason)
            }
            let failure = try #require(try server.appStatus().lastFailure)
            if misbehaviour.name == "exits at once" { #expect(failure.outputTail == ["last words"]) }
            // Nothing is live: the client gets the page at once, and not the wait of a boot that goes on for ever.
            #expect(try server.get("/").status == 503)
            try server.stop()
            try eventually("the end of its processes", within: .seconds(30)) { !processExists(withArgument: mark) }
        }

        private func processExists(withArgument mark: String) -> Bool {
            let pids = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
            return pids.contains { pid in
                guard Int32(pid) != nil, let bytes = try? readFile("/proc/\(pid)/cmdline") else { return false }
                return bytes.split(separator: 0).contains { String(decoding: $0, as: UTF8.self) == mark }
            }
        }
    }
}
