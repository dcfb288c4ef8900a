import AdminAPI
import AdminClient
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    /// What `scripts/package` makes, of the build that is tested.
    @Suite(.serialized) struct PackageTests {
        /// The files that it says it made.
        private func package(_ arguments: String..., in place: Place) throws -> [String] {
            var environment = ProcessInfo.plainEnvironment
            environment["PASSENGER_BINARIES"] = String(TestServer.binary.dropLast("/passenger".count))
            environment["DEBFULLNAME"] = "Tests"
            environment["DEBEMAIL"] = "tests@example.org"
            let end = try Program(
                ["\(SourceTree.path)/scripts/package", "--quick", "--output", "\(place.path)/packages"] + arguments,
                environment: environment, in: place
            ).wait(within: .seconds(450), "scripts/package")
            try #require(end.status == 0, "\(end.everything)")
            return end.output.split(separator: "\n").map(String.init)
        }

        // MARK: The Debian package

        private static let lintian = "/usr/bin/lintian"

        private func check(_ package: String, in place: Place) throws {
            guard access(Self.lintian, X_OK) == 0 else { return }
            let end = try Program(
                // The debug build that is tested finds Swift's libraries where they are.
                [
                    Self.lintian, "--allow-root", "--profile", "debian", "--fail-on", "error,warning",
                    "--suppress-tags",
                    "custom-library-search-path", package,
                ], environment: ProcessInfo.plainEnvironment, in: place
            ).wait(within: .seconds(360), "lintian")
            #expect(end.status == 0 && end.output.isEmpty, "\(end.everything)")
        }

        /// What this machine has of a passenger is taken away, and a package comes in the place of Debian's own.
        private static let withoutOurs = """
            # Images for containers have one, by which nothing is ever started.
            rm -f /usr/sbin/policy-rc.d
            rm -rf /var/lib/man-db/auto-update /etc/passenger /var/lib/passenger /var/log/passenger
            for package in passenger passenger-server libapache2-mod-passenger libnginx-mod-http-passenger; do
              dpkg --purge --force-depends $package || true
            done
            ! getent passwd passenger || userdel passenger
            mkdir -p /tmp/other/DEBIAN /tmp/other/usr/bin
            printf '#!/bin/sh\\n' >/tmp/other/usr/bin/passenger-status
            printf 'Package: passenger\\nVersion: 6.0.17+ds-1\\nArchitecture: all\\nMaintainer: Tests <tests@example.org>\\n\
            Description: other\\n' >/tmp/other/DEBIAN/control
            dpkg-deb --build /tmp/other /tmp/other.deb
            dpkg --install /tmp/other.deb
            """

        private func root(in place: Place) throws -> TestRoot {
            let root = try TestRoot(in: place)
            try root.shell(Self.withoutOurs)
            return root
        }

        /// All files whose names or directories speak of passenger, except for what dpkg and the test know.
        private func traces(in root: TestRoot) throws -> Set<String> {
            let end = try root.shell(
                """
                find /etc /usr /var /lib /run /srv -xdev -path '*passenger*' -not -path '/var/lib/dpkg/*' \
                  -not -path '/var/lib/apt/*' -not -path '*/ruby/*' -not -path '/usr/share/vim/*' -not -path '*/__pycache__*' | sort
                """)
            return Set(end.output.split(separator: "\n").map(String.init))
        }

        private func startServer(in root: TestRoot) throws -> InstanceRecord {
            try root.run("passenger", "start", "--config", "/etc/passenger/passenger.yml", "--daemonize")
            return try #require(root.instance("default"))
        }

        private func workers(_ root: TestRoot, _ instance: InstanceRecord) throws -> [Int32] {
            try root.admin(instance).status().apps.flatMap(\.generations).filter { $0.state == .live }
                .flatMap(\.workers).filter { $0.state == "available" }.compactMap(\.pid).sorted()
        }

        private func waitForWorkers(
            _ root: TestRoot, _ instance: InstanceRecord, _ condition: ([Int32]) -> Bool = { $0.count == 2 }
        ) throws {
            try eventually(
                "workers", within: .seconds(90), evidence: { text(of: root.path("/var/log/passenger/default.log")) }
            ) {
                condition(try workers(root, instance))
            }
        }

        @Test(.timeLimit(.minutes(24)), .enabled(if: geteuid() == 0, "only root can have a root of its own"))
        func `the Debian package is installed, upgraded under load, removed and purged`() throws {
            let place = try Place()
            let first = try #require(try package("deb", in: place).first)
            let second = try #require(try package("deb", "--revision", "2", in: place).first)
            try check(first, in: place)
            let root = try root(in: place)
            let before = try traces(in: root)

            // Installed in the place of the other; nothing is started without systemd.
            try root.run("dpkg", "--install", first)
            #expect(try root.run("passenger-status", "--version").output.contains("6.0."))
            #expect(try root.shell("dpkg-query -W -f '${db:Status-Status}' passenger || true").output != "installed")
            #expect(root.instance("default") == nil)
            #expect(try root.run("man", "--where", "passenger-upgrade").output.contains("passenger-upgrade.1"))
            try root.shell("test -s /usr/share/bash-completion/completions/passenger")
            let analyze = "/usr/bin/systemd-analyze"
            if access(analyze, X_OK) == 0 {
                let units = ["service", "socket"].map { "/lib/systemd/system/passenger.\($0)" }
                #expect(
                    try root.run(analyze, "verify", "--man=no", units[0], units[1]).everything.contains("passenger.s")
                        == false)
            }
            // It serves, and has no app yet.
            try root.shell(
                """
                sed -i 's/^port: .*/port: 0/' /etc/passenger/passenger.yml
                printf 'apps:\\n  test: {min_instances: 2, max_instances: 2}\\n' >>/etc/passenger/passenger.yml
                echo mine >/etc/passenger/mine
                """)
            var instance = try startServer(in: root)
            let port = try root.port(instance)
            #expect(try fetch("/", port: port).status == 404)
            try root.shell(
                """
                cp -R \(SourceTree.path)/Tests/apps/python /srv/passenger-app && chown -R games: /srv/passenger-app
                ln -s /srv/passenger-app /etc/passenger/apps/test
                """)
            try eventually("the app") { try fetch("/version", port: port).line == "1" }
            try waitForWorkers(root, instance)
            #expect(try root.run("ps", "-o", "user=", "-C", "passenger-core").output.contains("passeng"))

            try upgradesUnderLoad(to: second, root, instance, in: place)
            try rotatesLogs(root, instance)

            // What is stopped stays stopped.
            try root.run("passenger", "stop", "--instance", "default")
            try root.run("dpkg", "--install", first)
            #expect(root.instance("default") == nil)
            // A removal stops it, and leaves what is configured.
            instance = try startServer(in: root)
            #expect(try fetch("/version", port: root.port(instance)).line == "1")
            try root.run("dpkg", "--remove", "passenger-server")
            #expect(root.instance("default") == nil && !root.exists("/usr/bin/passenger"))
            #expect(text(of: root.path("/etc/passenger/passenger.yml")).contains("port: 0"))
            #expect(try root.run("pgrep", "passenger", expecting: 1).output.isEmpty)
            // A purge leaves what is the user's.
            try root.run("dpkg", "--purge", "passenger-server")
            let mine: Set = [
                "/etc/passenger", "/etc/passenger/apps", "/etc/passenger/apps/test", "/etc/passenger/mine",
                "/srv/passenger-app", "/srv/passenger-app/passenger_wsgi.py", "/srv/passenger-app/version.txt",
            ]
            let left = try traces(in: root)
            // The other one's program was ours to take away.
            #expect(left.subtracting(before) == mine)
            #expect(before.subtracting(left) == ["/usr/bin/passenger-status"])
            try asksSystemd(first, second, root)
            if SystemdRoot.isPossible { try runsUnderSystemd(first, second) }
        }

        private func upgradesUnderLoad(
            to package: String, _ root: TestRoot, _ instance: InstanceRecord, in place: Place
        ) throws {
            let status = try root.admin(instance).status().server
            let load = try LoadGenerator(port: root.port(instance), in: place)
            try load.waitForTraffic()
            // As far as dpkg gets before it asks the server. Of another version the old one's directory has gone by then, and
            // the server has to do without it: here it starts a preloader, by `passenger-launch`.
            try root.run("dpkg", "--unpack", package)
            let library = "/usr/lib/passenger"
            try root.shell("mv \(library)/\(ProductVersion.current) \(library)/of-the-next")
            try root.run("passenger", "restart", "--app", "test")
            try root.run("passenger", "reload", "--instance", "default")
            try root.shell("mv \(library)/of-the-next \(library)/\(ProductVersion.current)")
            try waitForWorkers(root, instance)
            let pids = try workers(root, instance)

            let end = try root.run("dpkg", "--configure", "passenger-server")
            #expect(end.output.contains("runs version"), "\(end.everything)")
            try load.waitForTraffic()
            let account = try load.stop()
            #expect(account.failures.isEmpty, "\(account)")
            // The next core counts a worker when it has answered it.
            try waitForWorkers(root, instance) { $0 == pids }
            let now = try root.admin(instance).status().server
            #expect(now.supervisorPid == status.supervisorPid && now.corePid != status.corePid)
            // The supervisor has become what lies there now, not what was there before.
            try eventually("another program in the same process") {
                try root.run("readlink", "/proc/\(now.supervisorPid)/exe").output == "/usr/bin/passenger\n"
            }
            #expect(text(of: root.path("/etc/passenger/passenger.yml")).contains("port: 0"))
        }

        private func rotatesLogs(_ root: TestRoot, _ instance: InstanceRecord) throws {
            let log = "/var/log/passenger/access.log"
            let core = try root.admin(instance).status().server.corePid
            _ = try fetch("/uid", port: root.port(instance))
            try eventually("a line in the log") { text(of: root.path(log)).contains("GET /uid") }
            try root.run("logrotate", "--force", "--state", "/tmp/logrotate-state", "/etc/logrotate.d/passenger")
            #expect(text(of: root.path("\(log).1")).contains("GET /uid"))
            // Until the new one is open, lines go into the old one.
            try eventually("a line in the new log") {
                _ = try fetch("/pid", port: root.port(instance))
                return text(of: root.path(log)).contains("GET /pid")
            }
            #expect(!text(of: root.path(log)).contains("GET /uid"))
            #expect(try root.admin(instance).status().server.corePid == core)
            #expect(try root.run("stat", "-c", "%U %G %a", log).output == "passenger adm 640\n")
        }

        /// Which orders the package gives to a systemd that writes them down.
        private func asksSystemd(_ first: String, _ second: String, _ root: TestRoot) throws {
            try root.shell(
                """
                mkdir -p /run/systemd/system
                real=$(readlink -f "$(command -v systemctl)")
                cp "$real" /tmp/systemctl
                cat >/tmp/stub <<'END'
                #!/bin/sh
                echo "$*" >>/tmp/orders
                case "$*" in
                  *is-active*) test -e /tmp/active ;;
                  *enable* | *preset*) SYSTEMD_OFFLINE=1 exec /tmp/systemctl "$@" ;;
                esac
                END
                chmod 755 /tmp/stub
                cp --remove-destination /tmp/stub "$real"
                """)
            func orders(_ command: String...) throws -> [String] {
                try root.shell("rm -f /tmp/orders; touch /tmp/orders; \(command.joined(separator: " "))")
                return text(of: root.path("/tmp/orders")).split(separator: "\n")
                    .map { $0.split(separator: " ").filter { !$0.hasPrefix("--") }.joined(separator: " ") }
                    .filter { $0.hasPrefix("st") || $0.contains("restart") }
            }
            #expect(try orders("dpkg --install", first) == ["start passenger.service"])
            #expect(root.exists("/etc/systemd/system/multi-user.target.wants/passenger.service"))
            #expect(!root.exists("/etc/systemd/system/sockets.target.wants/passenger.socket"))
            #expect(try orders("dpkg --install", second) == [])
            // Stopped by the administrator, so it is not started when the package comes back.
            let stops = ["stop passenger.socket passenger.service"]
            #expect(try orders("dpkg --remove passenger-server") == stops)
            #expect(try orders("dpkg --install", second) == [])
            #expect(try orders("touch /tmp/active; dpkg --remove passenger-server") == stops)
            #expect(try orders("rm /tmp/active; dpkg --install", second) == ["start passenger.service"])
            #expect(try orders("dpkg --purge passenger-server") == stops)
            #expect(!root.exists("/etc/systemd/system/multi-user.target.wants/passenger.service"))
        }

        /// The service of the package, from its installation to its end.
        private func runsUnderSystemd(_ first: String, _ second: String) throws {
            let place = try Place()
            for (file, name) in [(first, "first.deb"), (second, "second.deb")] {
                try FileManager.default.copyItem(atPath: file, toPath: "\(place.path)/\(name)")
            }
            let systemd = try SystemdRoot(in: place)
            let root = systemd.root
            let port = try freePort()
            try root.shell(Self.withoutOurs)
            try root.shell(
                """
                cp -R \(SourceTree.path)/Tests/apps/python /srv/passenger-app && chown -R games: /srv/passenger-app
                mkdir -p /etc/passenger/apps
                ln -s /srv/passenger-app /etc/passenger/apps/test
                printf 'port: \(port)\\naddress: 127.0.0.1\\napps_dir: apps\\n\
                apps:\\n  test: {min_instances: 2, max_instances: 2}\\n' >/etc/passenger/passenger.yml
                """)
            let install = ["dpkg", "--force-confold", "--install"]
            try systemd.root.run(install + ["\(place.path)/first.deb"])
            #expect(try systemd.property("ActiveState") == "active", "\(systemd.journal)")
            #expect(try systemd.property("UnitFileState") == "enabled")
            let instance = try #require(root.instance("default"), "\(systemd.journal)")
            try waitForWorkers(root, instance)
            let (main, pids) = (try systemd.mainPid(), try workers(root, instance))
            let load = try LoadGenerator(port: port, in: place)
            try load.waitForTraffic()
            let upgraded = try root.run(install + ["\(place.path)/second.deb"])
            #expect(upgraded.output.contains("runs version"), "\(upgraded.everything)")
            try load.waitForTraffic()
            let account = try load.stop()
            #expect(account.failures.isEmpty, "\(account)\n\(systemd.journal)")
            #expect(try systemd.mainPid() == main)
            try waitForWorkers(root, instance) { $0 == pids }
            try root.run("dpkg", "--remove", "passenger-server")
            #expect(try systemd.property("ActiveState") != "active")
            #expect(!(pids + [main]).contains { isRunning($0, below: root.path("/proc")) })
            try root.run(install + ["\(place.path)/second.deb"])
            try eventually("the service again", evidence: { systemd.journal }) {
                try systemd.property("ActiveState") == "active"
            }
            #expect(try fetch("/version", port: port).line == "1")
            try root.run("dpkg", "--purge", "passenger-server")
            #expect(try systemd.property("ActiveState") != "active" && !root.exists("/usr/bin/passenger"))
            #expect(root.exists("/etc/passenger/apps/test"))
        }

        // MARK: The tarball

        @Test(.timeLimit(.minutes(6)))
        func `the tarball's tree works wherever it lies, and upgrades by a link`() throws {
            let place = try Place()
            let archive = try #require(try package("tarball", in: place).first)
            let link = "\(place.path)/passenger"
            for name in ["one", "two/inner"] {
                let directory = "\(place.path)/\(name)"
                try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
                let end = try Program(
                    ["tar", "-xzf", archive, "-C", directory, "--strip-components=1", "--no-same-owner"],
                    environment: ProcessInfo.plainEnvironment, in: place
                ).wait()
                #expect(end.status == 0, "\(end.everything)")
            }
            symlink("one", link)
            let server = TestServer(try place.copyApp(.python, as: "app"), in: place)
            server.calledAs = "\(link)/bin/passenger"
            try server.start(["--min-instances", "2", "--max-pool-size", "2"])
            try server.waitUntilServing(workers: 2)
            let pids = try server.workers().compactMap(\.pid).sorted()
            let load = try LoadGenerator(port: server.port, in: place)
            try load.waitForTraffic()
            unlink(link)
            symlink("two/inner", link)
            #expect(try server.command("upgrade").status == 0, "\(server.log)")
            try load.waitForTraffic()
            let account = try load.stop()
            #expect(account.failures.isEmpty, "\(account)\n\(server.log)")
            try eventually("the same workers", evidence: { server.log }) {
                try server.workers().compactMap(\.pid).sorted() == pids
            }
            try eventually("the other tree's program", evidence: { server.log }) {
                readLink("/proc/\(try #require(server.instance()).pid)/exe") == "\(place.path)/two/inner/bin/passenger"
            }
            // Nothing of the first is needed any more.
            try FileManager.default.removeItem(atPath: "\(place.path)/one")
            #expect(try server.command("restart").status == 0, "\(server.log)")
            try server.waitUntilServing(workers: 2)
            server.calledAs = "\(link)/bin/passenger-status"
            #expect(try server.run().output.contains("Version : \(ProductVersion.passenger)"))
            #expect(access("\(link)/share/man/man1/passenger-deploy.1", R_OK) == 0)
            try server.stop()
        }

        // MARK: The gem

        private static let app = """
            # frozen_string_literal: true

            require 'phusion_passenger'
            events = []
            PhusionPassenger.on_event(:starting_worker_process) { |forked| events << forked }
            run lambda { |_env|
              text = [events, PhusionPassenger::VERSION_STRING, Gem.loaded_specs.key?('passenger')].join(' ')
              [200, { 'content-type' => 'text/plain' }, [text]]
            }
            """

        @Test(.timeLimit(.minutes(6)))
        func `an app whose Gemfile names the gem passenger is served, and its commands are ours`() throws {
            let place = try Place()
            let file = try #require(try package("gem", in: place).first)
            #expect(file.hasSuffix("/passenger-\(ProductVersion.passenger).gem"))
            let directory = try place.makeAppDirectory("app")
            try Self.app.write(toFile: "\(directory)/config.ru", atomically: false, encoding: .utf8)
            try "gem 'passenger', '~> 6.0'\n".write(
                toFile: "\(directory)/Gemfile", atomically: false, encoding: .utf8)
            let server = TestServer(directory, in: place)
            mkdir("\(place.path)/bin", 0o755)
            symlink(TestServer.binary, "\(place.path)/bin/passenger")
            // The gem's commands come first on the PATH, the program second.
            let gems = "\(place.path)/gems"
            let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
            let variables = [
                "GEM_HOME": gems, "PATH": "\(gems)/bin:\(place.path)/bin:\(path)", "HOME": place.path,
                "BUNDLE_SILENCE_ROOT_WARNING": "1",
            ]
            func begin(_ command: [String]) throws -> Program {
                try Program(
                    ["env", "-C", directory] + command, environment: server.environment.merging(variables) { $1 },
                    in: place)
            }
            func run(_ command: String...) throws -> String {
                let end = try begin(command).wait(within: .seconds(180), command.joined(separator: " "))
                #expect(end.status == 0, "\(command): \(end.everything)")
                return end.output
            }
            _ = try run("gem", "install", "--local", "--no-document", "--ignore-dependencies", file)
            _ = try run("bundle", "install", "--local")
            #expect(text(of: "\(directory)/Gemfile.lock").contains("passenger (\(ProductVersion.passenger))"))
            // Where there is no worker, what an app calls does nothing.
            let calls = "require 'phusion_passenger/public_api'; p PhusionPassenger.on_event(:x) {}"
            #expect(try run("bundle", "exec", "ruby", "-e", calls) == "nil\n")
            #expect(try run("bundle", "exec", "passenger", "--version").contains("passenger \(ProductVersion.current)"))

            let options = ["--port", "0", "--environment", "production"]
            for command in [
                ["passenger", "start", "--address", "127.0.0.1"] + options,
                ["rackup", "--require", "phusion_passenger/rack_handler", "--host", "127.0.0.1", "--port", "0"],
            ] {
                let program = try begin(["bundle", "exec"] + command)
                try eventually("a server", within: .seconds(90), evidence: { program.log }) {
                    server.instance()?.pid == program.pid
                }
                let listener = try #require(server.instance()).listen[0]
                let port = try #require(Int(listener.split(separator: ":").last ?? ""))
                let answer = try fetch("/", port: port)
                #expect(answer.text == "true \(ProductVersion.passenger) true", "\(answer.text)\n\(program.log)")
                #expect(try run("bundle", "exec", "passenger-status").contains("Version : "))
                // What a recipe asks, and calls, with `passenger_in_gemfile`.
                let version = try run("bundle", "exec", "passenger", "-v")
                #expect(version.hasPrefix("Phusion Passenger \(ProductVersion.passenger)\n"), "\(version)")
                let restart = try run(
                    "bundle", "exec", "passenger-config", "restart-app", directory, "--ignore-app-not-running")
                #expect(restart.contains("Restarting \(directory)"), "\(restart)")
                program.signal(SIGTERM)
                #expect(try program.wait(within: .seconds(120)).status == 0, "\(program.log)")
            }
        }
    }
}
