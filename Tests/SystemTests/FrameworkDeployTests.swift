import AdminAPI
import Foundation
import Model
import Testing

extension SystemTests {
    /// The same for an app of each framework: it starts as it is, and its versions come and go under load.
    @Suite(.serialized) struct FrameworkDeployTests {
        /// For those whose packages are PyPI's.
        private func makeEnvironment(in place: Place) throws {
            try Clients.run(
                ["\(SourceTree.path)/scripts/lib/client-venv", "Tests/apps/asgi"], in: place, within: .seconds(720))
        }

        @Test(.timeLimit(.minutes(15)), arguments: FrameworkApp.all)
        func `starts in its own directory, without configuration`(_ app: FrameworkApp) throws {
            let place = try Place()
            try makeEnvironment(in: place)
            let directory = try place.copyApp(at: app.directory, as: "app")
            for command in app.preparation {
                let shell = AppUser.command(["sh", "-c", "cd \(directory) && \(command)"])
                try Clients.run(shell, in: place, within: .seconds(360))
            }
            let server = TestServer(directory, in: place)
            try server.start(app.flags, environment: "development", behind: app.wrapper)
            try server.waitUntilServing()
            // Rails answers in development only those who call it by this name.
            #expect(try server.get("/version", host: "localhost").text == "1\n", "\(server.log)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(15)), arguments: FrameworkApp.all)
        func `is deployed under load, refused when it is broken, and rolled back, and no request fails`(
            _ app: FrameworkApp
        ) throws {
            let place = try Place()
            try makeEnvironment(in: place)
            let repository = try TestRepository(copying: app.directory, app.settings, in: place)
            let server = TestServer(try place.makeAppDirectory("root"), in: place)
            let made = try server.run("deploy", "--root", server.directory, "--repo", repository.path)
            try #require(made.status == 0, "\(made.everything)")
            try server.start(behind: app.wrapper)
            try server.waitUntilServing(release: "1-")
            // A page of Rails takes as long as many of the sample apps'.
            let load = try LoadGenerator(
                port: server.port, in: place, kinds: [.keptAlive, .newConnection], pause: 20_000)
            try load.waitForTraffic()

            for (name, contents) in app.change { try repository.write(name, contents) }
            try repository.write(app.versionFile, "2\n")
            try repository.commit("version 2")
            let second = try server.command("deploy")
            try #require(second.status == 0, "\(second.everything)\n\(server.log)")
            // A request that is sent after the command has returned is the new version's.
            #expect(try server.version() == "2")
            try app.proof(server)

            try breakIt(repository, app)
            let third = try server.command("deploy")
            #expect(third.status == 1 && third.everything.contains(app.breakage.reason), "\(third.everything)")
            #expect(try server.version() == "2")
            #expect(load.now.backwards.isEmpty, "\(load.now)")

            let back = try server.command("rollback")
            #expect(back.status == 0, "\(back.everything)")
            #expect(try server.version() == "1")
            let account = try load.stop()
            print("\(app.name): \(account)")
            #expect(account.failures.isEmpty, "\(account)\n\(server.log)")
            #expect(account.versions == [1, 2], "\(account)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)), arguments: ["ruby", "python", "nodejs", "other-languages"])
        func `the settings that a page of docs shows are settings`(_ page: String) throws {
            let place = try Place()
            let blocks = text(of: "\(SourceTree.path)/docs/\(page).md").matches(of: #/```yaml\n(?s)(.*?)```/#)
            try #require(blocks.count > 1)
            for (number, block) in blocks.enumerated() {
                let directory = try place.makeAppDirectory("app\(number)")
                for (file, contents) in [("config.ru", "run nil"), ("Passengerfile.yml", String(block.1))] {
                    try contents.write(toFile: "\(directory)/\(file)", atomically: false, encoding: .utf8)
                }
                let end = try TestServer(directory, in: place).run("config", directory)
                #expect(end.status == 0 && end.errors.isEmpty, "\(block.1)\n\(end.everything)")
            }
        }

        private func breakIt(_ repository: TestRepository, _ app: FrameworkApp) throws {
            if let contents = app.breakage.contents {
                try repository.write(app.breakage.file, contents)
            } else {
                try FileManager.default.removeItem(atPath: "\(repository.path)/\(app.breakage.file)")
            }
            try repository.write(app.versionFile, "3\n")
            try repository.commit("broken")
        }
    }
}
