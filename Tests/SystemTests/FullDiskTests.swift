import AdminAPI
import Foundation
import Glibc
import Linux
import Model
import Synchronization
import Testing

extension SystemTests {
    /// No room, wherever something is written: a deploy says so and changes nothing, what is known stays readable, and going
    /// back works.
    @Suite(.serialized, .enabled(if: SmallDisk.canBeMade, SmallDisk.needed)) struct FullDiskTests {
        enum Shortage: String, CaseIterable, CustomTestStringConvertible {
            case bytes, inodes
            var testDescription: String { rawValue }
        }

        /// Versions 1 and 2 of an app, both stable, on disks of which `directory` (in the place) is a small one.
        private func serving(
            _ directory: String, _ options: String, in place: Place
        ) throws -> (SmallDisk, TestServer, TestRepository) {
            let path = "\(place.path)/\(directory)"
            guard mkdir(path, 0o755) == 0 else { throw SystemError(call: "mkdir", errno: errno, subject: path) }
            let disk = try SmallDisk(at: path, options, in: place)
            if directory == "root" { AppUser.own(path) }
            let repository = try TestRepository(.python, in: place)
            let server = TestServer("\(place.path)/root", in: place)
            if directory != "root" { _ = try place.makeAppDirectory("root") }
            let made = try server.run("deploy", "--root", server.directory, "--repo", repository.path)
            try #require(made.status == 0, "\(made.everything)")
            try server.start()
            try server.waitUntilServing(release: "1-")
            try repository.commitVersion(2)
            let second = try server.command("deploy")
            try #require(second.status == 0, "\(second.everything)")
            return (disk, server, repository)
        }

        private func exhaust(_ disk: SmallDisk, _ shortage: Shortage) throws {
            switch shortage {
            case .bytes: try disk.fill()
            case .inodes: try disk.fillInodes()
            }
        }

        private func options(_ shortage: Shortage) -> String {
            switch shortage {
            case .bytes: "size=32m"
            case .inodes: "size=64m,nr_inodes=600"
            }
        }

        @Test(.timeLimit(.minutes(3)), arguments: Shortage.allCases)
        func `a deploy root without room refuses a deploy and goes back all the same`(_ shortage: Shortage) throws {
            let place = try Place()
            let (disk, server, repository) = try serving("root", options(shortage), in: place)
            try withExtendedLifetime(disk) {
                let prober = Prober(port: server.port)
                try exhaust(disk, shortage)
                try repository.commitVersion(3)
                let refused = try server.command("deploy")
                #expect(refused.status == 1, "\(refused.everything)")
                let reasons = ["free", "space", "inodes"]
                #expect(reasons.contains { refused.errors.contains($0) }, "\(refused.everything)")
                #expect(try server.version() == "2")

                let back = try server.command("rollback")
                #expect(back.status == 0, "\(back.everything)")
                #expect(try server.version() == "1")

                try disk.empty()
                try repository.commitVersion(4)
                let next = try server.command("deploy")
                #expect(next.status == 0, "\(next.everything)")
                #expect(try server.version() == "4")
                let (_, failures) = try prober.stop()
                #expect(failures.isEmpty, "\(failures.prefix(3))")
                try server.stop()
            }
        }

        @Test(.timeLimit(.minutes(3)), arguments: Shortage.allCases)
        func `a state directory without room refuses a deploy, goes back, and stays readable`(_ shortage: Shortage)
            throws
        {
            let place = try Place()
            let (disk, server, repository) = try serving("state", options(shortage), in: place)
            try withExtendedLifetime(disk) {
                let prober = Prober(port: server.port)
                try exhaust(disk, shortage)
                // What was kept back for this moment is taken too.
                unlink("\(server.stateDirectory)/reserve")
                try exhaust(disk, shortage)
                try repository.commitVersion(3)
                let refused = try server.command("deploy")
                #expect(refused.status == 1, "\(refused.everything)")
                #expect(refused.errors.contains("could not be written"), "\(refused.everything)")
                #expect(try server.version() == "2")

                let back = try server.command("rollback")
                #expect(back.status == 0, "\(back.everything)")
                #expect(try server.version() == "1")
                let status = try server.command("status")
                #expect(status.output.contains("could not be written"), "\(status.everything)")

                // What was written before can be read: a server that starts now has a version to boot.
                try server.stop()
                #expect(server.records.map(\.number).prefix(2) == [1, 2])
                try disk.empty()
                try server.start()
                try server.waitUntilServing()
                try repository.commitVersion(4)
                let next = try server.command("deploy")
                #expect(next.status == 0, "\(next.everything)")
                #expect(try server.version() == "4")
                _ = try prober.stop()
                try server.stop()
            }
        }
    }

    /// Descriptors, which anybody may make scarce.
    @Suite(.serialized) struct DescriptorTests {
        @Test(.timeLimit(.minutes(3)))
        func `a server whose clients take all that they are given answers, tells, deploys and rolls back`() throws {
            let place = try Place()
            let repository = try TestRepository(.python, in: place)
            let server = TestServer(try place.makeAppDirectory("root"), in: place)
            let made = try server.run("deploy", "--root", server.directory, "--repo", repository.path)
            try #require(made.status == 0, "\(made.everything)")
            try server.start(descriptors: 200)
            try server.waitUntilServing(release: "1-")
            let asking = try HTTPConnection(port: server.port)
            #expect(try asking.get("/version").line == "1")
            // The last ones wait in the kernel.
            var idle = try (0..<300).map { _ in try HTTPConnection(port: server.port) }
            try eventually("a rest", evidence: { server.log }) {
                server.log.contains("no connections are accepted for a moment") && server.log.contains("LimitNOFILE")
            }
            let open = Exposition(try server.command("metrics").output).sum("passenger_connections")
            #expect((60..<175).contains(open), "\(open)")
            try repository.commitVersion(2)
            let deploy = try server.command("deploy")
            #expect(deploy.status == 0, "\(deploy.everything)\n\(server.log)")
            #expect(try asking.get("/version").line == "2")
            let rollback = try server.command("rollback")
            #expect(rollback.status == 0, "\(rollback.everything)\n\(server.log)")
            #expect(try asking.get("/version").line == "1")
            // Those that waited have their turn when others go.
            idle.removeFirst(200)
            #expect(try #require(idle.last).get("/version").line == "1")
            #expect(!server.log.contains("core 2 started"), "\(server.log)")
            try server.stop()
        }
    }
}
