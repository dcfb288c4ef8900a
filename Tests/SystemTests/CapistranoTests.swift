import Foundation
import Glibc
import Linux
import Testing

extension SystemTests {
    /// Capistrano deploys as it always did, to a directory whose `current` our server serves.
    @Suite(.serialized) struct CapistranoTests {
        /// How Capistrano's addition for Passenger tells a server: by the file, or by the tool after a look at the version.
        enum Restart: String, CaseIterable { case touch, tool }

        private static let capfile = """
            require 'capistrano/setup'
            require 'capistrano/deploy'
            require 'capistrano/scm/git'
            install_plugin Capistrano::SCM::Git
            """

        /// On this machine, without ssh. The tool's options are chosen by what `passenger -v` says, as one chooses who has
        /// Passengers of many ages to speak to.
        private func recipe(_ repository: TestRepository, _ site: String, _ restart: Restart) -> String {
            """
            set :application, 'blog'
            set :repo_url, '\(repository.path)'
            set :branch, 'main'
            set :deploy_to, '\(site)'
            set :linked_dirs, %w[log]
            set :keep_releases, 2
            set :sshkit_backend, SSHKit::Backend::Local
            set :format, :simpletext
            set :tmp_dir, '\(site)/../control'
            server 'localhost', roles: %w[app web]

            namespace :deploy do
              task :restart_app do
                on roles(:app) do
                  if '\(restart)' == 'touch'
                    execute :mkdir, '-p', release_path.join('tmp')
                    execute :touch, release_path.join('tmp/restart.txt')
                  else
                    said = capture(:passenger, '-v').each_line.first.strip
                    match = said.match(/^Phusion Passenger(\\(R\\))? (Enterprise )?(version )?(.*)$/) or raise "not Passenger: #{said}"
                    version = Gem::Version.new(match[4])
                    raise "too old for restart-app: #{version}" if version < Gem::Version.new('4.0.33')
                    flags = ['--ignore-app-not-running']
                    flags << '--ignore-passenger-not-running' if version >= Gem::Version.new('5.0.10')
                    execute 'passenger-config', 'restart-app', fetch(:deploy_to), *flags
                  end
                end
              end
              after :publishing, :restart_app
            end
            """
        }

        @Test(.timeLimit(.minutes(2)), arguments: Restart.allCases)
        func `cap deploys and rolls back under load, and no request is lost`(_ restart: Restart) throws {
            let place = try Place()
            let repository = try TestRepository(.ruby, in: place)
            let site = try place.makeAppDirectory("site")
            let control = try place.makeAppDirectory("control")
            mkdir("\(control)/config", 0o755)
            mkdir("\(control)/config/deploy", 0o755)
            for (name, text) in [
                ("Capfile", Self.capfile), ("config/deploy.rb", recipe(repository, site, restart)),
                ("config/deploy/production.rb", ""),
            ] {
                try text.write(toFile: "\(control)/\(name)", atomically: false, encoding: .utf8)
            }
            AppUser.own(control)
            let server = TestServer("\(site)/current", in: place)
            let tools = "\(place.path)/bin"
            mkdir(tools, 0o755)
            for name in ["passenger", "passenger-config"] { symlink(TestServer.binary, "\(tools)/\(name)") }

            func cap(_ task: String) throws {
                var environment = server.environment
                environment["HOME"] = control
                environment["USER"] = "deploy"
                environment["PATH"] = "\(tools):\(environment["PATH"] ?? "")"
                let end = try Program(
                    AppUser.command(["sh", "-c", "cd \"$0\" && exec cap production \"$1\"", control, task]),
                    environment: environment, in: place
                ).wait(within: .seconds(60), "cap \(task)")
                try #require(end.status == 0, "\(end.everything)\n\(server.log)")
            }
            func isLive(_ version: Int) throws {
                if restart == .tool {
                    // The tool returns when the new version has the traffic.
                    #expect(try server.version() == "\(version)")
                } else {
                    try eventually("version \(version)", within: .seconds(20), evidence: { server.log }) {
                        try server.version() == "\(version)"
                    }
                }
            }

            // The first one finds no server, which is not an error.
            try cap("deploy")
            try server.start(["--min-instances", "2"])
            try server.waitUntilServing(workers: 2)
            let load = try LoadGenerator(port: server.port, in: place)
            try load.waitForTraffic()
            for version in 2...4 {
                try repository.commitVersion(version)
                try cap("deploy")
                try isLive(version)
                try load.waitForTraffic(1)
            }
            let upwards = load.now
            #expect(upwards.backwards.isEmpty && upwards.versions == [1, 2, 3, 4], "\(upwards)")
            try cap("deploy:rollback")
            try isLive(3)
            try load.waitForTraffic(1)
            let account = try load.stop()
            print("cap, \(restart): \(account)")
            #expect(account.failures.isEmpty, "\(account)\n\(server.log)")
            let releases = try FileManager.default.contentsOfDirectory(atPath: "\(site)/releases")
            #expect(releases.count <= 2, "\(releases)")
            try server.stop()
        }
    }
}
