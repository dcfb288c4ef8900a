import AdminAPI
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    @Suite(.serialized) struct MemoryTests {
        @Test(.timeLimit(.minutes(3)))
        func `status tells what workers and generations take, also of another user's processes`() throws {
            let place = try Place()
            let directory = "\(place.path)/app"
            try FileManager.default.copyItem(atPath: "\(SourceTree.path)/Tests/apps/greedy", toPath: directory)
            if OtherUsers.areThere { try OtherUsers.own(directory, by: OtherUsers.app) } else { AppUser.own(directory) }
            let server = TestServer(directory, in: place)
            try server.start(["--min-instances", "2", "--max-pool-size", "2"])
            try server.waitUntilServing(workers: 2)
            let greedy = try #require(Int32(try server.get("/grow?mb=100").line))
            #expect(try server.get("/bomb?n=1&seconds=100").line == "1 none")
            try eventually("a measurement after the growth", within: .seconds(45), evidence: { server.log }) {
                let memory = try server.workers().compactMap { worker in worker.memory.map { (worker.pid, $0) } }
                return memory.count == 2 && memory.contains { $0.0 == greedy && $0.1.privateBytes > 100 << 20 }
                    && memory.reduce(0) { $0 + $1.1.processes } == 3
            }
            let generation = try #require(try server.appStatus().generations.first)
            let all = generation.workers.compactMap(\.memory)
            #expect(all.allSatisfy { $0.isExact && $0.sharedBytes > 0 && $0.pssBytes >= $0.privateBytes }, "\(all)")
            #expect(generation.memory?.privateBytes == all.reduce(0) { $0 + $1.privateBytes })
            #expect(generation.memory?.pssBytes == all.reduce(0) { $0 + $1.pssBytes })

            let status = try server.command("status")
            #expect(
                status.output.contains(/memory: \d+ MB private, \d+ MB in all/), "\(status.output)")
            // Where there are control groups all of it is in one; said in either case, in the log too.
            let note = try #require(try server.status().server.controlGroups)
            #expect(server.log.contains(note) && status.output.contains(note), "\(server.log)")
            if let group = generation.controlGroup {
                let members = text(of: "\(group.path)/cgroup.procs").split(separator: "\n").compactMap { Int32($0) }
                let pids = generation.workers.compactMap(\.pid) + [generation.preloader?.pid].compactMap { $0 }
                // And what the app forked.
                #expect(Set(members).isSuperset(of: pids) && members.count == 4, "\(members), not \(pids)")
                #expect(group.cpuSeconds > 0)
            } else {
                #expect(note.hasPrefix("no control groups"))
            }
            try server.stop()
        }
    }
}
