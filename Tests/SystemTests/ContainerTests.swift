import AdminAPI
import AdminClient
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    /// The first process of a container, as templates/container and templates/kubernetes say: unprivileged, on a file system that
    /// it cannot write to, with nobody but itself to reap and to hear signals.
    @Suite(.serialized, .enabled(if: geteuid() == 0, "only root can make a container"))
    struct ContainerTests {
        /// What of the manifest matters on one machine.
        private struct Pod: Decodable {
            struct Probe: Decodable {
                struct Exec: Decodable { var command: [String] }
                var exec: Exec
            }
            struct Security: Decodable {
                var runAsUser, runAsGroup: Int?
                var runAsNonRoot, readOnlyRootFilesystem, allowPrivilegeEscalation: Bool?
            }
            struct Mount: Decodable { var name, mountPath: String }
            struct Volume: Decodable { var name: String }
            struct Variable: Decodable { var name, value: String }
            struct Container: Decodable {
                var args: [String]
                var env: [Variable]
                var startupProbe, readinessProbe, livenessProbe: Probe
                var securityContext: Security
                var volumeMounts: [Mount]
            }
            var terminationGracePeriodSeconds: Int
            var securityContext: Security
            var containers: [Container]
            var volumes: [Volume]
        }

        private struct Document: Decodable {
            struct Spec: Decodable { var template: Template? }
            struct Template: Decodable {
                struct Spec: Decodable { var spec: Pod }
                var spec: Pod
            }
            var kind: String
            var spec: Spec
        }

        private func pod(in place: Place) throws -> Pod {
            let reader = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(sys.stdin))))"
            let end = try Program(
                ["sh", "-c", "exec \(TestServer.binary) integrate kubernetes | /usr/bin/python3 -c '\(reader)'"],
                environment: ProcessInfo.plainEnvironment, in: place
            ).wait()
            let documents = try JSONDecoder().decode([Document].self, from: Data(end.output.utf8))
            #expect(documents.map(\.kind) == ["Deployment", "Service", "PodDisruptionBudget"])
            return try #require(documents[0].spec.template).spec
        }

        /// Words of the Containerfile: of its last stage, continued lines put together.
        private func image() -> (user: String, environment: [String: String], entry: [String], command: [String]) {
            let file = text(of: "\(SourceTree.path)/templates/container/Containerfile").replacing("\\\n", with: "")
            var environment: [String: String] = [:]
            var words: [String: String] = [:]
            for line in file.split(separator: "\n") {
                let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
                guard parts.count == 2 else { continue }
                words[parts[0]] = parts[1]
                guard parts[0] == "ENV" else { continue }
                for pair in parts[1].split(separator: " ") {
                    let sides = pair.split(separator: "=", maxSplits: 1).map(String.init)
                    environment[sides[0]] = sides[1]
                }
            }
            func list(_ word: String) -> [String] {
                (try? JSONDecoder().decode([String].self, from: Data((words[word] ?? "").utf8))) ?? []
            }
            return (words["USER"] ?? "", environment, list("ENTRYPOINT"), list("CMD"))
        }

        /// Leaves processes behind, as a shell does whose children go on without it.
        private static let app = """
            import os, subprocess, time

            def application(environ, start_response):
                if environ['PATH_INFO'] == '/orphans':
                    for _ in range(20):
                        subprocess.run(['sh', '-c', 'setsid sh -c "sleep 0.2; exit 3" &'])
                if environ['PATH_INFO'] == '/slow':
                    time.sleep(14)
                if environ['PATH_INFO'] == '/write':
                    try: open('/app/written', 'w')
                    except OSError as error: environ['PATH_INFO'] = error.strerror
                start_response('200 OK', [('Content-Type', 'text/plain')])
                return [f"{os.getuid()} {environ['PATH_INFO']}".encode()]
            """

        @Test(.timeLimit(.minutes(6)))
        func `as the first process, without rights and on a read-only root, it reaps, is probed, and ends in time`()
            throws
        {
            let place = try Place()
            let pod = try pod(in: place)
            let container = try #require(pod.containers.first)
            let image = image()
            let user = try #require(pod.securityContext.runAsUser)
            #expect(image.user == "\(user):\(try #require(pod.securityContext.runAsGroup))")
            #expect(
                pod.securityContext.runAsNonRoot == true && container.securityContext.readOnlyRootFilesystem == true)
            #expect(container.args == image.command)
            #expect(container.volumeMounts.map(\.name).sorted() == pod.volumes.map(\.name).sorted())
            var variables = image.environment.merging(container.env.map { ($0.name, $0.value) }) { $1 }
            let delay = try #require(variables["PASSENGER_SHUTDOWN_DELAY"].flatMap { Int($0.dropLast()) })
            let timeout = try #require(variables["PASSENGER_SHUTDOWN_TIMEOUT"].flatMap { Int($0.dropLast()) })
            #expect(pod.terminationGracePeriodSeconds > delay + timeout)
            // The network is the machine's. In that time a slow one asks everything below.
            variables.merge([
                "PASSENGER_PORT": "0", "PASSENGER_ADDRESS": "127.0.0.1", "PASSENGER_SHUTDOWN_DELAY": "10s",
            ]) { $1 }

            // Volumes are root's, and open by their group, as a kubelet makes them.
            let volumes = container.volumeMounts.map {
                "mkdir -p \($0.mountPath); mount -t tmpfs -o mode=2777,gid=\(user) tmpfs \($0.mountPath)"
            }
            try Self.app.write(
                toFile: "\(place.path)/passenger_wsgi.py", atomically: false, encoding: .utf8)
            let preparing = """
                mkdir /app; cp \(place.path)/passenger_wsgi.py /app/
                ln -sfn \(TestServer.binary) /usr/local/bin/passenger
                mount -o remount,ro /
                \(volumes.joined(separator: "\n"))
                """
            let rights = ["setpriv", "--reuid=\(user)", "--regid=\(user)", "--clear-groups", "--no-new-privs"]
            let root = try TestRoot(
                in: place, preparing: preparing,
                first: rights + ["--bounding-set=-all", "--inh-caps=-all", "env"]
                    + variables.map { "\($0.key)=\($0.value)" } + image.entry + container.args)
            func probe(_ probe: Pod.Probe) throws -> Int32? {
                try root.begin(rights + probe.exec.command, adding: variables).wait().status
            }

            try eventually("the start", within: .seconds(90), evidence: { root.program.log }) {
                try probe(container.startupProbe) == 0
            }
            #expect(try probe(container.readinessProbe) == 0 && probe(container.livenessProbe) == 0)
            let directory = try #require(variables["PASSENGER_RUNTIME_DIR"])
            let instance = try #require(root.instance("app", in: directory), "\(root.program.log)")
            #expect(instance.pid == 1)
            let status = text(of: "/proc/\(root.pid)/status")
            #expect(status.contains("NoNewPrivs:\t1") && status.contains("CapEff:\t0000000000000000"), "\(status)")
            let port = try root.port(instance)
            #expect(try fetch("/", port: port).text == "\(user) /")
            #expect(try fetch("/write", port: port).text == "\(user) Read-only file system")

            for _ in 0..<3 { #expect(try fetch("/orphans", port: port).status == 200) }
            try eventually("the end of all that the app left behind, reaped", evidence: { root.program.log }) {
                let all = try root.run("ps", "-e", "-o", "stat=,args=").output
                return !all.contains("sleep 0.2") && !all.split(separator: "\n").contains { $0.hasPrefix("Z") }
            }

            // One that is answered after the delay, by a server that takes no others any more.
            let slow = try HTTPConnection(port: port)
            try slow.send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n")
            try eventually("the request in a worker") {
                try root.admin(instance).status().apps.flatMap(\.generations).flatMap(\.workers).contains {
                    $0.requestsNow == 1
                }
            }
            let began = monotonicNow()
            kill(root.pid, SIGTERM)
            try eventually("readyz to say no", within: .seconds(8), evidence: { root.program.log }) {
                try probe(container.readinessProbe) == 3
            }
            #expect(try probe(container.livenessProbe) == 0 && fetch("/", port: port).status == 200)
            #expect(monotonicNow() - began < .seconds(10), "\(root.program.log)")
            #expect(try slow.readAnswer().text == "\(user) /slow")
            let end = try root.program.wait(within: .seconds(pod.terminationGracePeriodSeconds), "the end")
            #expect(end.status == 0, "\(end.everything)")
            #expect(monotonicNow() - began > .seconds(10))
        }

        @Test func `the Nomad job asks as the pod does, and gives the server the time that it may take`() throws {
            let place = try Place()
            let end = try TestServer(place.path, in: place).run("integrate", "nomad")
            func seconds(_ key: String) throws -> Int {
                let pattern = try Regex("\(key)\\s*=\\s*\"([0-9]+)s\"", as: (Substring, Substring).self)
                let number = try #require(end.output.firstMatch(of: pattern)?.1)
                return try #require(Int(number))
            }
            #expect(try seconds("kill_timeout") > seconds("PASSENGER_SHUTDOWN_TIMEOUT"))
            let command = try #require(try pod(in: place).containers.first).readinessProbe.exec.command
            #expect(end.output.contains("command  = \"\(command[0])\""))
            #expect(end.output.contains("args     = \(command.dropFirst().map { $0 })"))
        }
    }
}
