import AdminAPI
import Foundation
import Model
import Testing

extension SystemTests {
    /// What a worker is told of its generation, so that schedulers run in what is live and nowhere else.
    @Suite(.serialized) struct StateEventTests {
        private static let ruby = """
            PhusionPassenger.on_event(:state) { |state| $stdout.puts "told #{state}" }
            run(lambda { |env| [200, { 'content-type' => 'text/plain' }, ["1\n"]] })
            """
        private static let python = """
            from passenger import on_event
            on_event('state', lambda state: print('told', state, flush=True))
            def application(environ, start_response):
                start_response('200 OK', [('Content-Type', 'text/plain')])
                return [b'1\\n']
            """

        @Test(.timeLimit(.minutes(3)), arguments: [Language.ruby, .python])
        func `workers hear that they are live, then standby, then live again, then draining`(
            _ language: Language
        ) throws {
            let place = try Place()
            let repository = try TestRepository(language, in: place)
            try repository.write(language.startupFile, language == .ruby ? Self.ruby : Self.python)
            try repository.write("Passengerfile.yml", "deploy:\n  bake: 1s\n")
            _ = try repository.commit("tells what it is told")
            let server = TestServer(try place.makeAppDirectory("root"), in: place)
            let made = try server.run("deploy", "--root", server.directory, "--repo", repository.path)
            try #require(made.status == 0, "\(made.everything)")
            try server.start()
            try server.waitUntilServing(release: "1-")
            func told(_ worker: String) -> [String] {
                server.log.split(separator: "\n").filter { $0.contains(" \(worker) | told ") }
                    .compactMap { $0.split(separator: " ").last.map(String.init) }
            }
            func expect(_ words: [String], of worker: String) throws {
                try eventually("\(worker) is told \(words)", evidence: { server.log }) { told(worker) == words }
            }
            let first = try #require(try server.workers().first).number.description
            try expect(["live"], of: first)
            _ = try repository.commitVersion(2)
            #expect(try server.command("deploy").status == 0)
            try expect(["live", "standby"], of: first)
            let live = try #require(try server.appStatus().generations.first { $0.state == .live })
            let second = try #require(live.workers.first).number.description
            try expect(["live"], of: second)
            let rollback = try server.command("rollback")
            #expect(rollback.status == 0, "\(rollback.everything)")
            try expect(["live", "standby", "live"], of: first)
            // The one that was rolled back from is drained at once.
            try eventually("the end of \(second)", evidence: { server.log }) {
                try server.appStatus().generations.count == 1
            }
            let words = told(second)
            #expect(
                words.first == "live" && words.dropFirst().allSatisfy { ["standby", "draining"].contains($0) },
                "\(words)")
            #expect(!server.log.contains("handler of the event"), "\(server.log)")
            try server.stop()
        }
    }
}
