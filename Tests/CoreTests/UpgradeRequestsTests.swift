import AdminAPI
import Foundation
import Linux
import Model
import Spawning
import Testing

@testable import Core

@Suite struct UpgradeRequestsTests {
    /// What a core asks of its supervisor, and the supervisor's end.
    private func requests() throws -> (UpgradeRequests, supervisor: Int32) {
        let pair = try MessageSocket.pair()
        return (UpgradeRequests(link: SupervisorLink(descriptor: pair.second.release())), pair.first.release())
    }

    /// Waits on a thread of its own: all tasks share the few they have.
    private func hear(_ supervisor: Int32) async throws -> CoreMessage? {
        try await withCheckedThrowingContinuation { heard in
            Thread.detachNewThread {
                heard.resume(
                    with: Result {
                        try MessageSocket.receive(supervisor).map { try MessageCodec.decodeCore($0.bytes) }
                    })
            }
        }
    }

    @Test func `who asks is answered, with everybody who asked before`() async throws {
        let (requests, supervisor) = try requests()
        defer { closeDescriptors([supervisor]) }
        await requests.settled()
        async let first = requests.ask()
        #expect(try await hear(supervisor) == .requestUpgrade(ticket: 1))
        async let second = requests.ask()
        #expect(try await hear(supervisor) == .requestUpgrade(ticket: 2))
        async let settled: Void = requests.settled()
        requests.upgraded(2, version: "9.9")
        let answer = UpgradeAnswer(from: ProductVersion.current, to: "9.9")
        #expect(try await first == answer)
        #expect(try await second == answer)
        await settled
    }

    @Test func `a refusal is one, with its details`() async throws {
        let (requests, supervisor) = try requests()
        defer { closeDescriptors([supervisor]) }
        async let asked = requests.ask()
        #expect(try await hear(supervisor) == .requestUpgrade(ticket: 1))
        requests.refused(1, reason: "no such file\n/usr/bin/passenger")
        do {
            _ = try await asked
            Issue.record("it was not refused")
        } catch let error as ControlError {
            #expect(error.code == .refused && error.details == ["/usr/bin/passenger"])
            #expect(error.message.contains("no such file"))
        }
        await requests.settled()
    }
}
