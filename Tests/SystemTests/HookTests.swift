import Foundation
import Testing

extension SystemTests {
    @Suite(.serialized) struct HookTests {
        /// Each hook appends a line to a file in the shared directory.
        private static let hooks = """
              shared: [log]
              before_boot: ['echo before_boot $PASSENGER_RELEASE after ${PASSENGER_PREVIOUS_RELEASE-none} >> log/hooks']
              before_switch: ['echo before_switch >> log/hooks']
              after_switch: ['echo after_switch >> log/hooks; exit 7']
              after_stable: ['echo after_stable deploy $PASSENGER_DEPLOY >> log/hooks']
              on_failure: ['echo on_failure $PASSENGER_RESULT >> log/hooks']
              on_rollback: ['echo on_rollback $PASSENGER_RELEASE from $PASSENGER_PREVIOUS_RELEASE >> log/hooks']
            """

        @Test(.timeLimit(.minutes(6)))
        func `hooks run when it is their time, and the last of them cannot undo anything`() throws {
            let place = try Place()
            let repository = try TestRepository(.python, in: place)
            try repository.write("Passengerfile.yml", repository.passengerfile(deploy: Self.hooks))
            let first = try repository.commit("with hooks")
            let server = TestServer(try place.makeAppDirectory("root"), in: place)
            let made = try server.run("deploy", "--root", server.directory, "--repo", repository.path)
            try #require(made.status == 0, "\(made.everything)")
            try server.start()
            try server.waitUntilServing(release: "1-")
            let log = "\(server.directory)/shared/log/hooks"
            let one = "1-\(first.prefix(7))"
            try eventually("the first deploy's hooks", evidence: { text(of: log) + server.log }) {
                text(of: log)
                    == "before_boot \(one) after none\nbefore_switch\nafter_switch\nafter_stable deploy 1\n"
            }

            let second = try repository.commitVersion(2)
            let two = "2-\(second.prefix(7))"
            let deploy = try server.command("deploy")
            #expect(deploy.status == 0, "\(deploy.everything)")
            #expect(deploy.everything.contains("after_switch commands: `echo after_switch"), "\(deploy.everything)")
            #expect(text(of: log).contains("before_boot \(two) after \(one)\n"))
            let rollback = try server.command("rollback")
            #expect(rollback.status == 0, "\(rollback.everything)")
            #expect(text(of: log).hasSuffix("on_rollback \(one) from \(two)\n"), "\(text(of: log))")

            try repository.write("passenger_wsgi.py", "this is no Python")
            _ = try repository.commit("broken")
            let broken = try server.command("deploy")
            #expect(broken.status != 0)
            #expect(text(of: log).hasSuffix("on_failure failed\n"), "\(text(of: log))")
            let story = try server.command("deploys", "show", "2")
            #expect(story.everything.contains("after_stable"), "\(story.everything)")
            try server.stop()
        }
    }
}
