import AdminAPI
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    @Suite(.serialized) struct CompanionTests {
        /// What a companion noted, one line each.
        private struct Note: Equatable {
            var what: String
            var version: String
            var pid: Int32
            var directory: String
        }

        private struct Notebook {
            let path: String

            init(in place: Place) throws { path = "\(try place.makeAppDirectory("notes"))/notes" }

            var notes: [Note] {
                text(of: path).split(separator: "\n").compactMap { line in
                    let parts = line.split(separator: " ")
                    guard parts.count == 4, let pid = Int32(parts[2]) else { return nil }
                    return Note(
                        what: String(parts[0]), version: String(parts[1]), pid: pid, directory: String(parts[3]))
                }
            }

            func wait(for what: String, of version: String, count: Int = 1, _ server: TestServer) throws -> Note {
                var found: [Note] = []
                try eventually("\(what) of \(version)", evidence: { "\(notes)\n\(server.log)" }) {
                    found = notes.filter { $0.what == what && $0.version == version }
                    return found.count >= count
                }
                return try #require(found.last)
            }
        }

        private func addCompanion(to directory: String) throws {
            try FileManager.default.copyItem(
                atPath: "\(SourceTree.path)/Tests/apps/companion/companion.py", toPath: "\(directory)/companion.py")
            AppUser.own(directory)
        }

        private func settings(_ notebook: Notebook, _ more: String = "") -> String {
            """
            processes:
              worker:
                command: python3 companion.py \(notebook.path) \(more)
                quiet_signal: USR1

            """
        }

        /// A deploy root that serves version 1 with a companion.
        private func deployed(
            _ place: Place, _ notebook: Notebook
        ) throws -> (server: TestServer, repository: TestRepository) {
            let repository = try TestRepository(.python, in: place)
            try addCompanion(to: repository.path)
            try repository.write("Passengerfile.yml", repository.passengerfile() + settings(notebook))
            try repository.commit()
            let server = TestServer(try place.makeAppDirectory("root"), in: place)
            let end = try server.run("deploy", "--root", server.directory, "--repo", repository.path)
            try #require(end.status == 0, "\(end.everything)")
            // Nothing is live yet, so nothing runs beside it.
            #expect(notebook.notes.isEmpty)
            try server.start()
            try server.waitUntilServing(release: "1-")
            return (server, repository)
        }

        private func companion(_ server: TestServer) throws -> CompanionStatus {
            try #require(try server.appStatus().companions.first, "\(server.log)")
        }

        private func touch(_ path: String) throws {
            try Data().write(to: URL(fileURLWithPath: path))
            AppUser.own(path)
            utimes(path, nil)
        }

        @Test(.timeLimit(.minutes(6)))
        func `companions follow the live release through deploys, rollback, restart and stop`() throws {
            let place = try Place()
            let notebook = try Notebook(in: place)
            let (server, repository) = try deployed(place, notebook)
            let first = try notebook.wait(for: "start", of: "1", server)
            #expect(first.directory.hasPrefix("\(server.directory)/releases/1-"))
            let shown = try companion(server)
            #expect(shown.name == "worker.1" && shown.state == "running" && shown.pid == first.pid && !shown.isFailing)
            #expect(shown.release?.hasPrefix("1-") == true)
            try eventually("its output") { server.log.contains("worker.1 | at work 1 1-") }
            #expect(try server.command("status").output.contains("worker.1"))

            kill(first.pid, SIGKILL)
            let again = try notebook.wait(for: "start", of: "1", count: 2, server)
            try eventually("the count of restarts") { try companion(server).restarts == 1 }

            try repository.commitVersion(2)
            let deploy = try server.command("deploy")
            #expect(deploy.status == 0, "\(deploy.everything)")
            let second = try notebook.wait(for: "start", of: "2", server)
            #expect(second.directory.hasPrefix("\(server.directory)/releases/2-"))
            let last = notebook.notes.suffix(3).map { "\($0.what) \($0.version)" }
            #expect(last == ["quiet 1", "term 1", "start 2"])
            #expect(!isRunning(again.pid))

            // A version that does not come up leaves all as it is.
            let before = notebook.notes
            let good = repository.startupCode
            try repository.write(repository.language.startupFile, repository.language.syntaxError)
            try repository.commitVersion(3)
            #expect(try server.command("deploy").status == 1)
            #expect(notebook.notes == before && isRunning(second.pid))
            try repository.write(repository.language.startupFile, good)

            #expect(try server.command("rollback").status == 0)
            let back = try notebook.wait(for: "start", of: "1", count: 3, server)
            #expect(back.directory == first.directory && !isRunning(second.pid))

            #expect(try server.command("restart").status == 0)
            let restarted = try notebook.wait(for: "start", of: "1", count: 4, server)
            #expect(restarted.directory == first.directory && !isRunning(back.pid))

            try server.stop()
            #expect(
                notebook.notes.last == Note(what: "term", version: "1", pid: restarted.pid, directory: first.directory))
            #expect(!isRunning(restarted.pid))
            #expect(!notebook.notes.contains { $0.what == "doubled" }, "\(notebook.notes)")
        }

        @Test(.timeLimit(.minutes(3)))
        func `one that keeps dying is said in deploy, log and status, and started ever later`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place)
            let broken = "processes:\n  worker: python3 -c 'import nothing_of_the_kind'\n"
            try repository.write("Passengerfile.yml", repository.passengerfile() + broken)
            try repository.commitVersion(2)
            let deploy = try server.command("deploy", "--bake", "10s")
            #expect(deploy.status == 0, "\(deploy.everything)")
            #expect(
                deploy.everything.contains("companion worker.1 keeps ending: exit status 1"), "\(deploy.everything)")
            #expect(server.log.contains("keeps ending soon after its start"), "\(server.log)")
            let shown = try companion(server)
            #expect(shown.isFailing && shown.lastError?.contains("nothing_of_the_kind") == true, "\(shown)")
            #expect((2...12).contains(shown.restarts), "\(shown)")
            #expect(try server.command("status").output.contains("keeps ending"))
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `restart txt brings the processes that the Procfile names then`() throws {
            let place = try Place()
            let notebook = try Notebook(in: place)
            let app = try place.copyApp(.python, as: "app")
            try FileManager.default.createDirectory(atPath: "\(app)/tmp", withIntermediateDirectories: true)
            try addCompanion(to: app)
            func write(_ name: String, _ contents: String) throws {
                try contents.write(toFile: "\(app)/\(name)", atomically: false, encoding: .utf8)
                AppUser.own(app)
            }
            try write("Passengerfile.yml", "\(TestRepository.settings)\nprocesses: Procfile\n")
            try write("Procfile", "web: false\nworker: python3 companion.py \(notebook.path)\n")
            let server = TestServer(app, in: place)
            try server.start()
            try server.waitUntilServing()
            let first = try notebook.wait(for: "start", of: "1", server)
            #expect(first.directory == app)
            try write("Procfile", "mailer: python3 companion.py \(notebook.path)\n")
            try touch("\(app)/tmp/restart.txt")
            _ = try notebook.wait(for: "start", of: "1", count: 2, server)
            try eventually("the new one alone") { try server.appStatus().companions.map(\.name) == ["mailer.1"] }
            #expect(!isRunning(first.pid))
            #expect(!notebook.notes.contains { $0.what == "doubled" }, "\(notebook.notes)")
            try server.stop()
        }

        /// With a child that does not hear TERM either.
        private func servingStubborn(_ place: Place, _ notebook: Notebook, _ options: [String] = []) throws
            -> TestServer
        {
            let app = try place.copyApp(.python, as: "app")
            try addCompanion(to: app)
            try settings(notebook, "stubborn").write(
                toFile: "\(app)/Passengerfile.yml", atomically: false, encoding: .utf8)
            AppUser.own(app)
            let server = TestServer(app, in: place)
            try server.start(options)
            try server.waitUntilServing()
            _ = try notebook.wait(for: "start", of: "1", server)
            return server
        }

        @Test(.timeLimit(.minutes(3)))
        func `a stubborn one does not outlive shutdown_timeout, nor does its child`() throws {
            let place = try Place()
            let notebook = try Notebook(in: place)
            let server = try servingStubborn(place, notebook, ["--shutdown-timeout", "2s"])
            let mine = processes(mentioning: notebook.path)
            try #require(mine.count == 2)
            let began = monotonicNow()
            try server.stop()
            #expect(monotonicNow() < began + .seconds(25))
            #expect(notebook.notes.last?.what == "term")
            try eventually("the end of its child") { processes(mentioning: notebook.path).isEmpty }
        }

        @Test(.timeLimit(.minutes(3)))
        func `a core that dies starts none beside those of the one before`() throws {
            let place = try Place()
            let notebook = try Notebook(in: place)
            let server = try servingStubborn(place, notebook)
            let before = processes(mentioning: notebook.path)
            kill(try server.status().server.corePid, SIGKILL)
            _ = try notebook.wait(for: "start", of: "1", count: 2, server)
            #expect(!before.contains(where: isRunning))
            #expect(!notebook.notes.contains { $0.what == "doubled" }, "\(notebook.notes)\n\(server.log)")
            // It takes no notice of TERM: this is not its test.
            server.program?.signal(SIGKILL)
            try eventually("the end of all", within: .seconds(15)) { processes(mentioning: notebook.path).isEmpty }
        }
    }
}
