import AdminAPI
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    /// What users are kept apart by, tried as those users.
    @Suite(.serialized, .enabled(if: OtherUsers.areThere, OtherUsers.needed))
    struct UserIsolationTests {
        private struct Rights: Decodable {
            var umask: Int
            var uid, gid: UInt32
            var groups: [UInt32]
            var noNewPrivileges, capabilities: Int
            var openFiles: [Int]
            var oomScore: Int
            var bootNiceness: Int
            /// Of all its threads.
            var niceness: [Int]
            var readable, writable: [String]
        }

        private func rights(_ server: TestServer, read: [String] = [], write: [String] = []) throws -> Rights {
            let query = "read=\(read.joined(separator: ","))&write=\(write.joined(separator: ","))"
            return try JSONDecoder().decode(Rights.self, from: Data(try server.get("/rights?\(query)").body))
        }

        private func greedyApp(_ owner: String, in place: Place) throws -> TestServer {
            let directory = "\(place.path)/app"
            try FileManager.default.copyItem(atPath: "\(SourceTree.path)/Tests/apps/greedy", toPath: directory)
            try OtherUsers.own(directory, by: owner)
            return TestServer(directory, in: place)
        }

        /// Prints a line for each thing that it can do and should not.
        private static let intruder = """
            import glob, os, signal, socket, sys
            run, app, uid, *pids = sys.argv[1:]
            def tried(what, call):
                try: call()
                except (OSError, PermissionError): return
                print(what)
            tried('list sockets', lambda: os.listdir(f'{run}/app/sockets'))
            for name in ['w1.sock', 'w1.app.sock', 'w2.sock']:
                tried('connect to ' + name, lambda: socket.socket(socket.AF_UNIX).connect(f'{run}/app/sockets/{name}'))
            tried('replace the loaders', lambda: os.rename(f'{run}/app/loaders', f'{run}/app/x'))
            tried('replace the admin socket', lambda: os.unlink(f'{run}/app/admin.sock'))
            tried('add to the instance', lambda: open(f'{run}/app/new', 'w'))
            for pid in pids:
                for name in ['fd', 'map_files']:
                    tried(f'{name} of {pid}', lambda: os.listdir(f'/proc/{pid}/{name}'))
                for name in ['environ', 'mem', 'smaps_rollup', 'fd/0', 'fd/1', 'fd/3', 'root/etc/hostname']:
                    tried(f'{name} of {pid}', lambda: open(f'/proc/{pid}/{name}', 'rb').read(1))
                tried(f'signal {pid}', lambda: os.kill(int(pid), 0))
            for path in [f'{run}/../access.log', f'{run}/../server.log', f'{run}/../state']:
                tried('read ' + path, lambda: (os.listdir if os.path.isdir(path) else open)(path))
            for path in glob.glob(f'{run}/../buffers/*'): print('sees ' + path)
            # An app's owner may look at it and restart it; to others it is not shown.
            for path in ['/stop'] if uid == 'games' else ['/stop', '/apps/app/restart', '/status']:
                client = socket.socket(socket.AF_UNIX)
                client.connect(f'{run}/app/admin.sock')
                verb = 'GET' if path == '/status' else 'POST'
                client.sendall(f'{verb} {path} HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 2\\r\\n\\r\\n{{}}'.encode())
                answer = client.recv(65536).split(b' ')[1]
                if answer != b'403': print('admin', path, answer)
            """

        @Test(.timeLimit(.minutes(3)), arguments: [OtherUsers.stranger, OtherUsers.app])
        func `neither a neighbour nor the app itself gets at sockets, buffers, logs or processes`(_ user: String) throws
        {
            let place = try Place()
            let server = try greedyApp(OtherUsers.app, in: place)
            mkdir("\(place.path)/buffers", 0o777)
            chmod("\(place.path)/buffers", 0o777)
            // Where a log is to be, its writer's user has to be able to make it.
            let log = "\(place.path)/access.log"
            let core = try #require(OtherUsers.find("passenger") ?? OtherUsers.find("nobody"))
            close(open(log, O_WRONLY | O_CREAT, 0o640))
            chmod(log, 0o640)
            chown(log, core.uid, core.gid)
            try server.start([
                "--access-log", "json", "--access-log-file", log, "--data-buffer-dir", "\(place.path)/buffers",
            ])
            try server.waitUntilServing()
            // A body that is on its way, and too large for memory.
            let upload = try HTTPConnection(port: server.port)
            try upload.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2000000\r\n\r\n")
            try upload.send([UInt8](repeating: 7, count: 1_000_000))
            try eventually("the body in a file") {
                guard let directory = try? openFile("/proc/\(server.status().server.corePid)/fd", flags: O_RDONLY),
                    let numbers = try? directoryEntries(directory.number)
                else { return false }
                let corePid = try server.status().server.corePid
                return numbers.contains { readLink("/proc/\(corePid)/fd/\($0)")?.contains("/buffers/") ?? false }
            }
            let status = try server.status().server
            // To its own processes the app's user may do what it likes.
            var pids = [status.supervisorPid, status.corePid]
            if user != OtherUsers.app { pids += try server.workers().compactMap(\.pid) }
            var others: [Int32] = []
            try eventually("the server's small helpers") {
                others = processNumbers().filter { pid in
                    guard processParent(pid: pid) == status.supervisorPid else { return false }
                    let line = text(of: "/proc/\(pid)/cmdline")
                    return line.hasPrefix("passenger-measure") || line.hasPrefix("passenger-guard")
                }
                return others.count == 2
            }
            let end = try server.begin(
                ["-c", Self.intruder, "\(place.path)/run", "app", user] + (pids + others).map { "\($0)" },
                as: user, program: "/usr/bin/python3"
            ).wait(within: .seconds(60))
            #expect(end.status == 0 && end.output.isEmpty && end.errors.isEmpty, "\(end.everything)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `in place the app is its owner's, with that user's groups and the rights of an app`() throws {
            let place = try Place()
            let server = try greedyApp(OtherUsers.app, in: place)
            // As if the administrator had put this user into two groups.
            let groups =
                text(of: "/etc/group") + "\nextra:x:61001:\(OtherUsers.app)\nmore:x:61002:x,\(OtherUsers.app)\n"
            try groups.write(toFile: "\(place.path)/group", atomically: false, encoding: .utf8)
            try server.start(
                behind: [
                    "unshare", "-m", "sh", "-c", "mount --bind \"$0\" /etc/group && exec \"$@\"", "\(place.path)/group",
                    "prlimit", "--nofile=500:600",
                ])
            try server.waitUntilServing()
            let user = try #require(OtherUsers.find(OtherUsers.app))
            let rights = try rights(server)
            #expect(rights.uid == user.uid && rights.gid == user.gid)
            #expect(rights.groups == [user.gid, 61001, 61002])
            #expect(rights.umask == 0o022 && rights.capabilities == 0 && rights.noNewPrivileges == 1)
            // The server raised its own limit.
            #expect(rights.openFiles == [500, 600])
            let core = try server.status().server.corePid
            #expect(text(of: "/proc/\(core)/limits").contains(/Max open files\s+600\s+600/))
            // Live workers go last when memory runs out, and give way to nobody.
            try eventually("the score of a live worker") { try self.rights(server).oomScore == 0 }
            let own = Int(try #require(niceness(pid: getpid())))
            #expect(rights.bootNiceness == own + (canLowerNiceness() ? Int(BootPriority.niceness) : 0))
            try eventually("the niceness of a live worker") { try self.rights(server).niceness == [own] }
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `user and group are those of the server's configuration, and an app's own file cannot choose them`() throws
        {
            let place = try Place()
            let server = try greedyApp(OtherUsers.app, in: place)
            try server.start(["--user", OtherUsers.stranger, "--group", "daemon"])
            try server.waitUntilServing()
            let seen = try rights(server)
            let user = try #require(OtherUsers.find(OtherUsers.stranger))
            #expect(seen.uid == user.uid && seen.gid == 1, "\(seen)")
            #expect(!seen.groups.contains(0))
            try server.stop()
            try "user: root\n".write(
                toFile: "\(server.directory)/Passengerfile.yml", atomically: false, encoding: .utf8)
            try OtherUsers.own(server.directory, by: OtherUsers.app)
            let end = try server.run("start", server.directory, "--port", "0")
            #expect(end.status == 2 && end.errors.contains("'user' cannot be set here"), "\(end.everything)")
        }

        @Test(.timeLimit(.minutes(3)))
        func `what root owns runs as root in place, with a warning, and not at all from a deploy root`() throws {
            let place = try Place()
            let server = try greedyApp("root", in: place)
            // Nobody else may be able to put another app there.
            chmod(place.path, 0o755)
            try server.start()
            try server.waitUntilServing()
            #expect(try rights(server).uid == 0)
            #expect(try server.appStatus().warnings.contains { $0.contains("runs as root") })
            try server.stop()
            let root = "\(place.path)/root"
            mkdir(root, 0o755)
            mkdir("\(root)/.passenger", 0o700)
            let end = try server.run("start", root, "--port", "0")
            #expect(
                end.status == 2 && end.errors.contains("belongs to root, and no 'user' is set"), "\(end.everything)")
        }

        @Test(.timeLimit(.minutes(3)))
        func `with two users the workers' can read the release, and write only in tmp, log and what is shared`() throws
        {
            let place = try Place()
            let root = "\(place.path)/root"
            mkdir(root, 0o755)
            mkdir("\(root)/.passenger", 0o700)
            try OtherUsers.own(root, by: OtherUsers.app)
            let repository = try TestRepository(.python, in: place)
            try repository.write(
                "passenger_wsgi.py", text(of: "\(SourceTree.path)/Tests/apps/greedy/passenger_wsgi.py"))
            try repository.write(
                "Passengerfile.yml",
                "deploy:\n  bake: 0\n  build: ['id -un > built-by; umask > built-umask']\n  shared: [log, data]\n")
            // What the repository has there is the first content.
            for name in ["data", "data/old", "public"] { mkdir("\(repository.path)/\(name)", 0o755) }
            for name in ["data/old/one", "public/one"] { try repository.write(name, "1") }
            try repository.commit()
            try OtherUsers.own(repository.path, by: OtherUsers.app)
            let server = TestServer(root, in: place)
            try server.start(["--user", OtherUsers.stranger, "--deploy-repo", repository.path])
            let deploy = try server.command("deploy")
            #expect(deploy.status == 0, "\(deploy.everything)\n\(server.log)")
            let release = try #require(readLink("\(root)/current")).split(separator: "/").last.map(String.init)
            let directory = "\(root)/releases/\(try #require(release))"
            #expect(text(of: "\(directory)/built-by") == "\(OtherUsers.app)\n")
            let files = ["\(directory)/passenger_wsgi.py", "\(directory)/built-by"]
            let places = ["\(directory)/tmp", "\(directory)/log", "\(root)/shared/log", "\(root)/shared/data/old"]
            let closed = [directory, "\(directory)/public", root, "\(root)/releases", "\(root)/shared"]
            let seen = try rights(server, read: files, write: files + places + closed)
            #expect(seen.uid == (try #require(OtherUsers.find(OtherUsers.stranger))).uid)
            #expect(seen.readable == files)
            #expect(seen.writable == places)
            try server.stop()
        }
    }
}
