import AdminAPI
import AdminClient
import Foundation
import Glibc
import Linux
import Testing

extension SystemTests {
    /// Capistrano deploys as it always did, to a directory whose `current` our server serves; and hands that directory over.
    @Suite(.serialized) struct CapistranoTests {
        /// How Capistrano's addition for Passenger tells a server: by the file, or by the tool after a look at the version; the tool
        /// by `sudo`, or where nothing but `passenger_environment_variables` leads to it.
        enum Restart: String { case touch, tool, sudo, environment }

        /// A directory that Capistrano deploys to, on this machine and without ssh.
        private struct Site {
            let place: Place
            let repository: TestRepository
            /// The root.
            let path: String
            let server: TestServer
            private let control: String
            private let tools: String

            private static let capfile = """
                require 'capistrano/setup'
                require 'capistrano/deploy'
                require 'capistrano/scm/git'
                install_plugin Capistrano::SCM::Git
                """

            /// `isInDirectory`: it is one of the apps of a directory, by the name that load asks for.
            init(_ restart: Restart, keep: Int, isInDirectory: Bool = false) throws {
                place = try Place()
                repository = try TestRepository(.ruby, in: place)
                if isInDirectory { mkdir("\(place.path)/sites", 0o755) }
                path = try place.makeAppDirectory(isInDirectory ? "sites/test" : "site")
                control = try place.makeAppDirectory("control")
                mkdir("\(control)/config", 0o755)
                mkdir("\(control)/config/deploy", 0o755)
                server =
                    isInDirectory
                    ? try TestServer(serverFile: "apps_dir: \(place.path)/sites\nmin_instances: 2\n", in: place)
                    : TestServer("\(path)/current", in: place)
                tools = "\(place.path)/bin"
                mkdir(tools, 0o755)
                for name in ["passenger", "passenger-config"] { symlink(TestServer.binary, "\(tools)/\(name)") }
                // Who may do what is not the question here: which words it is given is.
                let sudo = "\(tools)/sudo"
                try "#!/bin/sh\necho \"$@\" >> \"$HOME/sudo.log\"\nexec \"$@\"\n".write(
                    toFile: sudo, atomically: false, encoding: .utf8)
                chmod(sudo, 0o755)
                try use(restart, keep: keep)
            }

            /// Another recipe.
            func use(_ restart: Restart, keep: Int) throws {
                for (name, text) in [
                    ("Capfile", Self.capfile), ("config/deploy.rb", recipe(restart, keep)),
                    ("config/deploy/production.rb", ""),
                ] {
                    try text.write(toFile: "\(control)/\(name)", atomically: false, encoding: .utf8)
                }
                AppUser.own(control)
            }

            /// What was called by `sudo`.
            var sudoLog: String { text(of: "\(control)/sudo.log") }

            /// The tool's options are chosen by what `passenger -v` says, as one chooses who has Passengers of many ages to speak to.
            private func recipe(_ restart: Restart, _ keep: Int) -> String {
                """
                set :application, 'blog'
                set :repo_url, '\(repository.path)'
                set :branch, 'main'
                set :deploy_to, '\(path)'
                set :linked_dirs, %w[log]
                set :keep_releases, \(keep)
                set :sshkit_backend, SSHKit::Backend::Local
                set :format, :simpletext
                set :tmp_dir, '\(control)'
                server 'localhost', roles: %w[app web]

                namespace :deploy do
                  task :restart_app do
                    on roles(:app), in: :sequence, wait: 5, limit: 2 do
                      with \(restart == .environment ? "path: '\(tools):$PATH'" : "({})") do
                        within capture(:pwd) do
                          if '\(restart)' == 'touch'
                            execute :mkdir, '-p', release_path.join('tmp')
                            execute :touch, release_path.join('tmp/restart.txt')
                          else
                            said = capture(:passenger, '-v')
                            match = said.match(/^Phusion Passenger(\\(R\\))? (Enterprise )?(version )?(.*)$/) or raise "not Passenger: #{said}"
                            version = Gem::Version.new(match[4])
                            raise "too old for restart-app: #{version}" if version < Gem::Version.new('4.0.33')
                            flags = ['--ignore-app-not-running']
                            flags << '--ignore-passenger-not-running' if version >= Gem::Version.new('5.0.10')
                            command = [:'passenger-config', :'restart-app', "#{deploy_to} #{flags.join(' ')}"]
                            command = [:sudo, SSHKit::Command.new(*command).to_s] if '\(restart)' == 'sudo'
                            execute(*command)
                          end
                        end
                      end
                    end
                  end
                  after :publishing, :restart_app
                end
                """
            }

            func cap(_ task: String, findsTools: Bool = true) throws {
                var environment = server.environment
                environment["HOME"] = control
                environment["USER"] = "deploy"
                if findsTools { environment["PATH"] = "\(tools):\(environment["PATH"] ?? "")" }
                let end = try Program(
                    AppUser.command(["sh", "-c", "cd \"$0\" && exec cap production \"$1\"", control, task]),
                    environment: environment, in: place
                ).wait(within: .seconds(180), "cap \(task)")
                try #require(end.status == 0, "\(end.everything)\n\(server.log)")
            }

            /// Those that Capistrano made, oldest first.
            func releases() throws -> [String] {
                try FileManager.default.contentsOfDirectory(atPath: "\(path)/releases").filter { $0.count == 14 }
                    .sorted()
            }

            var current: String { readLink("\(path)/current") ?? "" }

            /// `passenger deploy` of the root, as its user would type it.
            func deploy(_ options: String..., repository: String? = nil) throws -> Program.End {
                let named = repository.map { ["--repo", $0] } ?? []
                return try server.begin(["deploy", "--root", path] + named + options)
                    .wait(within: .seconds(180), "passenger deploy")
            }

            func passenger(_ words: String...) throws -> Program.End {
                let end = try server.begin(words + ["--root", path]).wait(within: .seconds(180), "\(words)")
                try #require(end.status == 0, "\(end.everything)\n\(server.log)")
                return end
            }

            /// What lies there, by inode: nothing of it is to be moved or made anew.
            func inventory() throws -> Set<String> {
                let names = ["releases", "shared", "repo", "revisions.log", "current"]
                let end = try Program(
                    ["sh", "-c", "cd \"$0\" && exec find \"$@\" -maxdepth 2 -printf '%p %i %l\n'", path] + names,
                    environment: ProcessInfo.plainEnvironment, in: place
                ).wait(within: .seconds(30), "find")
                return Set(end.output.split(separator: "\n").map(String.init))
            }
        }

        @Test(.timeLimit(.minutes(6)), arguments: [Restart.touch, .tool])
        func `cap deploys and rolls back under load, and no request is lost`(_ restart: Restart) throws {
            let site = try Site(restart, keep: 2)
            let server = site.server
            func isLive(_ version: Int) throws {
                if restart == .tool {
                    // The tool returns when the new version has the traffic.
                    #expect(try server.version() == "\(version)")
                } else {
                    try eventually("version \(version)", within: .seconds(60), evidence: { server.log }) {
                        try server.version() == "\(version)"
                    }
                }
            }

            // The first one finds no server, which is not an error.
            try site.cap("deploy")
            try server.start(["--min-instances", "2"])
            try server.waitUntilServing(workers: 2)
            let load = try LoadGenerator(port: server.port, in: site.place)
            try load.waitForTraffic()
            for version in 2...4 {
                try site.repository.commitVersion(version)
                try site.cap("deploy")
                try isLive(version)
                try load.waitForTraffic()
            }
            let upwards = load.now
            #expect(upwards.backwards.isEmpty && upwards.versions == [1, 2, 3, 4], "\(upwards)")
            try site.cap("deploy:rollback")
            try isLive(3)
            try load.waitForTraffic(1)
            let account = try load.stop()
            print("cap, \(restart): \(account)")
            #expect(account.failures.isEmpty, "\(account)\n\(server.log)")
            #expect(try site.releases().count <= 2)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `passenger deploy takes the root over under load, and goes back to what cap deployed`() throws {
            let site = try Site(.tool, keep: 5)
            let server = site.server
            try site.cap("deploy")
            try server.start(["--min-instances", "2"])
            try server.waitUntilServing(workers: 2)
            let load = try LoadGenerator(port: server.port, in: site.place)
            try load.waitForTraffic()
            for version in 2...3 {
                try site.repository.commitVersion(version)
                try site.cap("deploy")
            }
            let releases = try site.releases()
            try #require(releases.count == 3)
            // Of a deploy that failed.
            mkdir("\(site.path)/releases/20200101000000", 0o755)
            AppUser.own("\(site.path)/releases/20200101000000")
            let before = try site.inventory()

            let plan = try site.deploy("--dry-run")
            #expect(plan.status == 0, "\(plan.everything)")
            // Nobody has named the repository: it is Capistrano's.
            let source = "\(site.repository.path) (of \(site.path)/repo/config"
            for words in releases + ["shared: [log]", "20200101000000", "would go over from", source] {
                #expect(plan.output.contains(words), "\(words): \(plan.everything)")
            }
            #expect(access("\(site.path)/.passenger", F_OK) != 0)

            // Its Passengerfile says nothing of shared paths: the version would have been without its log.
            try site.repository.commitVersion(4)
            let refused = try site.deploy()
            #expect(refused.status == 1, "\(refused.everything)\n\(server.log)")
            for words in releases + [
                "taken over from Capistrano", "has gone over from", "shared: [log]", "repo/config",
            ] {
                #expect(refused.everything.contains(words), "\(words): \(refused.everything)")
            }
            #expect(try site.inventory().isSuperset(of: before), "\(before)")
            #expect(try server.version() == "3")
            #expect(try server.appStatus().liveRelease == releases[2])

            try site.repository.write("Passengerfile.yml", site.repository.passengerfile(deploy: "  shared: [log]"))
            try site.repository.commitVersion(5)
            let deployed = try site.deploy()
            #expect(deployed.status == 0, "\(deployed.everything)\n\(server.log)")
            #expect(try server.version() == "5")
            #expect(site.current.hasPrefix("releases/5-"), "\(site.current)")
            #expect(readLink("\(site.path)/\(site.current)/log") == "../../shared/log")
            let upwards = load.now
            #expect(upwards.backwards.isEmpty, "\(upwards)")

            _ = try site.passenger("rollback")
            #expect(try server.version() == "3")
            _ = try site.passenger("rollback", "--to", "1")
            #expect(try server.version() == "1")
            #expect(site.current == "releases/\(releases[0])")
            let list = try site.passenger("releases").output
            for name in releases { #expect(list.contains(name), "\(list)") }
            #expect(!list.contains("20200101000000"), "\(list)")
            try load.waitForTraffic(1)

            // Whoever uses the other tool again is told that it is not what serves.
            try site.cap("deploy")
            #expect(try server.version() == "1")
            #expect(try server.appStatus().warnings.contains { $0.contains("not deployed by passenger") })
            try site.repository.commitVersion(6)
            let again = try site.deploy()
            #expect(again.status == 0 && again.everything.contains("not deployed by passenger"), "\(again.everything)")
            #expect(try server.version() == "6")
            try load.waitForTraffic(1)
            let account = try load.stop()
            print("takeover: \(account)")
            #expect(account.failures.isEmpty, "\(account)\n\(server.log)")
            // The same words start it again, from what is live.
            try server.stop()
            try server.start()
            try server.waitUntilServing(release: "6-")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `a takeover that is killed is begun anew, and the server begins with what cap deployed`() throws {
            let site = try Site(.touch, keep: 5)
            try site.repository.write("Passengerfile.yml", site.repository.passengerfile(deploy: "  shared: [log]"))
            for version in 1...2 {
                if version > 1 { try site.repository.commitVersion(version) }
                try site.cap("deploy")
            }
            let releases = try site.releases()
            let before = try site.inventory()
            try site.repository.commitVersion(3)
            // Marked, and nothing more; then some of the journals; then all of them.
            mkdir("\(site.path)/.passenger", 0o700)
            AppUser.own("\(site.path)/.passenger")
            let registry = InstanceRegistry(directories: ["\(site.place.path)/run"])
            for file in ["deploys/1.json", "live.json"] {
                let program = try site.server.begin(["deploy", "--root", site.path, "--repo", site.repository.path])
                try eventually(file, evidence: { program.log }) {
                    access("\(site.place.path)/state/site/\(file)", F_OK) == 0
                }
                func killServers() { for record in registry.instances() { kill(record.pid, SIGKILL) } }
                killServers()
                program.signal(SIGKILL)
                _ = try program.wait(within: .seconds(30))
                // The file is there before its server is in the registry.
                try eventually("the end of what was killed", evidence: { "\(registry.instances())" }) {
                    killServers()
                    return registry.instances().isEmpty
                }
                #expect(try site.inventory().isSuperset(of: before))
            }
            let end = try site.deploy()
            #expect(end.status == 0, "\(end.everything)")
            let server = TestServer(site.path, in: site.place)
            try server.start()
            try eventually("version 3", evidence: { server.log }) { try server.version() == "3" }
            // From the version that cap deployed, which was booted first.
            #expect(server.log.contains("has all traffic, before g1"), "\(server.log)")
            _ = try server.command("rollback")
            #expect(try server.version() == "2")
            let list = try server.command("releases").output
            for name in releases { #expect(list.contains(name), "\(list)") }
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `the tool is called by sudo, or found by the recipe's own variables`() throws {
            let site = try Site(.sudo, keep: 2)
            let server = site.server
            try site.cap("deploy")
            #expect(site.sudoLog.contains("passenger-config restart-app \(site.path) --ignore-app-not-running"))
            try server.start(["--min-instances", "1"])
            try server.waitUntilServing()
            try site.repository.commitVersion(2)
            try site.cap("deploy")
            #expect(try server.version() == "2", "\(server.log)")
            try site.use(.environment, keep: 2)
            try site.repository.commitVersion(3)
            try site.cap("deploy", findsTools: false)
            #expect(try server.version() == "3", "\(server.log)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `a root in a directory of apps is served by its current, and taken over under load`() throws {
            let site = try Site(.tool, keep: 5, isInDirectory: true)
            let server = site.server
            try site.repository.write("Passengerfile.yml", site.repository.passengerfile(deploy: "  shared: [log]"))
            try site.repository.commit()
            try site.cap("deploy")
            try server.start()
            try eventually("version 1", evidence: { server.log }) { try server.version() == "1" }
            let load = try LoadGenerator(port: server.port, in: site.place)
            try load.waitForTraffic()
            try site.repository.commitVersion(2)
            try site.cap("deploy")
            #expect(try server.version() == "2", "\(server.log)")
            let releases = try site.releases()
            let before = try site.inventory()

            try site.repository.commitVersion(3)
            let plan = try site.deploy("--dry-run")
            #expect(plan.status == 0 && plan.output.contains("would go over from"), "\(plan.everything)")
            let deployed = try site.deploy()
            #expect(deployed.status == 0, "\(deployed.everything)\n\(server.log)")
            for words in releases + ["taken over from Capistrano", "has gone over from", "repo/config"] {
                #expect(deployed.everything.contains(words), "\(words): \(deployed.everything)")
            }
            #expect(try server.version() == "3")
            #expect(try site.inventory().subtracting(before).isDisjoint(with: before))
            #expect(server.instance()?.apps.map(\.root) == [site.path])
            _ = try site.passenger("rollback")
            #expect(try server.version() == "2" && site.current == "releases/\(releases[1])")
            try load.waitForTraffic(1)
            let account = try load.stop()
            print("takeover in a directory of apps: \(account)")
            #expect(account.failures.isEmpty, "\(account)\n\(server.log)")
            // And so it comes up again.
            try server.stop()
            try server.start()
            try eventually("version 2", evidence: { server.log }) { try server.version() == "2" }
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `a server that cannot go over goes on, and the root stays what it was`() throws {
            let place = try Place()
            let repository = try TestRepository(.ruby, in: place)
            let root = try place.makeAppDirectory("site")
            mkdir("\(root)/releases", 0o755)
            try FileManager.default.copyItem(atPath: repository.path, toPath: "\(root)/releases/20261129010000")
            symlink("releases/20261129010000", "\(root)/current")
            AppUser.own(root)
            func file(_ more: String) -> String {
                "apps:\n  site:\n    root: \(root)/current\n    server_names: [test]\n    min_instances: 1\n\(more)"
            }
            let server = try TestServer(serverFile: file(""), in: place)
            try server.start()
            try eventually("version 1", evidence: { server.log }) { try server.version() == "1" }
            func deploy() throws -> Program.End {
                try server.begin(["deploy", "--root", root, "--repo", repository.path])
                    .wait(within: .seconds(180), "passenger deploy")
            }

            // Of a server file that has changed since, in what only a restart can change.
            try file("event_loops: 3\n").write(toFile: "\(place.path)/passenger.yml", atomically: true, encoding: .utf8)
            try repository.commitVersion(2)
            let refused = try deploy()
            #expect(refused.status == 4, "\(refused.everything)\n\(server.log)")
            for words in ["cannot go over from \(root)/current", "event_loops", "passenger stop"] {
                #expect(refused.everything.contains(words), "\(refused.everything)")
            }
            #expect(access("\(root)/.passenger", F_OK) != 0)
            #expect(try server.version() == "1")

            try file("").write(toFile: "\(place.path)/passenger.yml", atomically: true, encoding: .utf8)
            let deployed = try deploy()
            #expect(deployed.status == 0, "\(deployed.everything)\n\(server.log)")
            #expect(deployed.everything.contains("there is no revisions.log"), "\(deployed.everything)")
            #expect(try server.version() == "2")
            try server.stop()
        }

        @Test func `what cannot be taken over is left as it is, with the reason`() throws {
            let place = try Place()
            let root = try place.makeAppDirectory("site")
            let server = TestServer(root, in: place)
            for name in ["releases", "releases/20261129010000"] { mkdir("\(root)/\(name)", 0o755) }
            for (target, reason) in [
                (nil, "no `current`"), ("/etc", "leads to /etc"), ("releases/20261129020000", "is not there"),
                ("releases/../../x/releases/20261129010000", "no release that Capistrano made"),
            ] {
                unlink("\(root)/current")
                if let target { symlink(target, "\(root)/current") }
                for options in [[], ["--dry-run"]] {
                    let end = try server.begin(["deploy", "--root", root, "--repo", "/nowhere"] + options)
                        .wait(within: .seconds(60), "passenger deploy")
                    #expect(end.status == 2 && end.everything.contains(reason), "\(end.everything)")
                }
            }
            #expect(access("\(root)/.passenger", F_OK) != 0)
        }
    }
}
