import AdminAPI
import Model
import Testing

extension SystemTests {
    @Suite(.serialized) struct DeployUnderLoadTests {
        private static let deploys = isQuick ? 2 : 10

        @Test(.tags(.long), .timeLimit(.minutes(9)), arguments: Language.detected)
        func `deploy after deploy under load loses no request`(_ language: Language) throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(language, in: place, options: ["--min-instances", "2"])
            let load = try LoadGenerator(port: server.port, in: place)
            try load.waitForTraffic()
            for version in 2...(Self.deploys + 1) {
                try repository.commitVersion(version)
                let end = try server.command("deploy")
                try #require(end.status == 0, "\(end.everything)\n\(server.log)")
                // A request that is sent after the command has returned is the new version's.
                #expect(try server.version() == "\(version)")
                // One may have been under way when it switched.
                try load.waitForTraffic(2)
            }
            let account = try load.stop()
            print("\(language): \(Self.deploys) deploys, \(account)")
            #expect(account.failures.isEmpty, "\(account)\n\(server.log)")
            #expect(account.backwards.isEmpty, "\(account)")
            #expect(account.versions == Set(1...(Self.deploys + 1)), "\(account)")
            try server.stop()
        }
    }
}
