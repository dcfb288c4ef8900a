import AdminAPI
import Foundation
import Glibc
import Model
import Testing

extension SystemTests {
    @Suite(.serialized) struct PipelineTests {
        private func github(_ commit: String) -> [String: String] {
            [
                "CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_SHA": commit, "GITHUB_ACTOR": "ann",
                "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "ann/blog", "GITHUB_RUN_ID": "7",
            ]
        }

        @Test(.timeLimit(.minutes(6)))
        func `a pipeline deploys its own commit, folds its steps, and can be found again`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place)
            let commit = try repository.commitVersion(2)
            try repository.commitVersion(3)

            let end = try server.begin(["deploy", "--root", server.directory], adding: github(commit))
                .wait(within: .seconds(120))
            #expect(end.status == 0, "\(end.everything)")
            #expect(try server.version() == "2")
            let groups = end.output.split(separator: "\n").filter { $0.hasPrefix("::") }
            #expect(groups.count { $0.hasPrefix("::group::") } > 5, "\(end.output)")
            #expect(groups.count { $0.hasPrefix("::group::") } == groups.count { $0 == "::endgroup::" })

            let story = try server.command("deploys", "show", "2")
            for part in [
                "https://github.com/ann/blog/actions/runs/7", "(pipeline of ann)", commit, "author    Test",
                "version 2", "from      1-", "to        2-", "passenger deploy \(commit)",
            ] { #expect(story.output.contains(part), "\(part): \(story.output)") }

            // A deploy that is over is told as it ended, also to a program.
            let attached = try server.command("deploys", "attach", "2", "--json")
            #expect(attached.status == 0 && attached.output.contains(#""outcome":"stable""#), "\(attached.everything)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `a step that fails is an annotation, and one that takes too long has its own exit status`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(.python, in: place)
            try repository.write(
                "Passengerfile.yml",
                repository.passengerfile(deploy: "  build: [\"echo '::error::forged'; exit 3\"]"))
            let failing = try server.begin(
                ["deploy", "--root", server.directory], adding: github(try repository.commit())
            ).wait(within: .seconds(120))
            #expect(failing.status == 1, "\(failing.everything)")
            #expect(failing.errors.contains("::error title=build failed"), "\(failing.everything)")
            #expect(failing.output.contains("| ::error::forged"), "\(failing.everything)")

            try repository.write(
                "Passengerfile.yml",
                repository.passengerfile(deploy: "  build: [\"sleep 60\"]\n  hook_timeout: 1s"))
            try repository.commit()
            let late = try server.command("deploy", "--json")
            #expect(late.status == 6, "\(late.everything)")
            #expect(late.output.contains(#""code":"command_timed_out""#), "\(late.everything)")
            try server.stop()
        }
    }
}
