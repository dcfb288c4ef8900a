import Foundation
import Glibc
import Linux
import Testing

extension SystemTests {
    /// What the main README tells a newcomer to type, typed as it stands there, in its order, by a user of his own.
    @Suite(.serialized, .enabled(if: geteuid() == 0, "only root can make a machine of its own"))
    struct ReadmeTests {
        /// The commands of a section.
        private func commands(of section: String, in page: String = "README.md") throws -> String {
            let text = try String(contentsOfFile: "\(SourceTree.path)/\(page)", encoding: .utf8)
            let start = try #require(text.range(of: "\n## \(section)\n"), "\(page) has no section '\(section)'")
            let rest = text[start.upperBound...]
            var isShell = false
            var lines: [Substring] = []
            for line in rest[..<(rest.range(of: "\n## ")?.lowerBound ?? rest.endIndex)].split(
                separator: "\n", omittingEmptySubsequences: false)
            {
                if line.hasPrefix("```") {
                    isShell = line == "```sh"
                } else if isShell {
                    lines.append(line)
                }
            }
            return lines.joined(separator: "\n")
        }

        /// Typed by somebody for whom README's `~/passenger` is there, on ports of his own.
        private func type(_ script: String, isRoot: Bool = false) throws -> Program.End {
            let place = try Place()
            let root = try TestRoot(in: place)
            let build = URL(fileURLWithPath: TestServer.binary).deletingLastPathComponent().path
            try root.shell(
                """
                useradd --create-home --shell /bin/bash newcomer
                mkdir -p /opt/build /home/newcomer/passenger
                cp \(build)/passenger \(build)/passenger-launch /opt/build/
                chmod -R go=u-w /opt/build
                tar -C \(SourceTree.path) --exclude=./.build --exclude=./.git --exclude=./artifacts -cf - . \\
                  | tar -C /home/newcomer/passenger -xf -
                chown -R newcomer: /home/newcomer
                install -d -o newcomer /srv/blog
                """)
            try Data("set -euo pipefail\ncd ~/passenger\n\(script)\n".utf8)
                .write(to: URL(fileURLWithPath: root.path("/home/newcomer/typed")))
            return try root.begin(
                [
                    "unshare", "--net", "sh", "-ec",
                    "cd /; ip link set lo up; exec \(isRoot ? "" : "setpriv --reuid newcomer --regid newcomer --init-groups") "
                        + "env HOME=/home/newcomer USER=newcomer PATH=/home/newcomer/.local/bin:$PATH bash -x ~newcomer/typed",
                ],
                adding: [
                    "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "", "PASSENGER_BINARIES": "/opt/build",
                    "PASSENGER_DEPLOY_BAKE": "3s",
                    "GIT_AUTHOR_NAME": "New",
                    "GIT_AUTHOR_EMAIL": "new@example.com",
                    "GIT_COMMITTER_NAME": "New", "GIT_COMMITTER_EMAIL": "new@example.com",
                ]
            ).wait(within: .seconds(450), "what README says")
        }

        @Test(.timeLimit(.minutes(9)))
        func `Five minutes lead from nothing to an app that is deployed, rolled back, and keeps what is broken away`()
            throws
        {
            let script = try commands(of: "Five minutes")
            let typed = try type(script)
            #expect(typed.status == 0, "\(typed.everything)")
            let said = typed.output.split(separator: "\n").map(String.init)
            let answers = said.filter { $0.hasSuffix(" version") && $0.hasPrefix("the ") }
            #expect(
                answers == ["the first version", "the first version", "the second version", "the first version"],
                "\(typed.everything)")
            #expect(said.contains("exit status 1") && typed.everything.contains("broken"), "\(typed.everything)")
        }

        @Test(.timeLimit(.minutes(9)))
        func `what the other sections tell to type works, too`() throws {
            // Whoever types waits for nothing: a server in the foreground is one in the background, ended by the next line.
            let development = try commands(of: "In development").split(separator: "\n").map { line in
                guard line.hasPrefix("passenger start"), !line.contains("--daemonize") else { return String(line) }
                return "passenger start --daemonize\(line.dropFirst("passenger start".count))\npassenger stop"
            }
            let change = try #require(development.firstIndex { $0.hasPrefix("touch ") })
            let deploy = try commands(of: "Deploy and roll back").split(
                separator: "\n", omittingEmptySubsequences: false)
            let second = try #require(deploy.firstIndex { $0.hasPrefix("passenger deploy  ") })
            let repository = "https://github.com/you/blog.git"
            #expect(deploy.contains { $0.contains(repository) })
            let typed = try type(
                """
                scripts/install --user
                mkdir ~/blog && cd ~/blog && git init -q && mkdir tmp && touch tmp/.keep
                echo 'run ->(env) { [200, {}, ["the first version\\n"]] }' > config.ru
                cp ~/passenger/Tests/apps/generic/{server.py,version.txt} .
                git add . && git commit -qm 'the first version'
                \(development[..<change].joined(separator: "\n"))
                passenger start --daemonize
                \(development[change...].joined(separator: "\n"))
                passenger stop
                \(deploy[..<second].joined(separator: "\n").replacing(repository, with: "~/blog"))
                git -C ~/blog commit -q --allow-empty -m 'the second version'
                \(deploy[second...].joined(separator: "\n").replacing("passenger deploy  ", with: "passenger deploy --wait "))
                passenger stop
                """)
            #expect(typed.status == 0, "\(typed.everything)")
        }

        /// As root on a server, whose the app's directory is to be another's.
        @Test(.timeLimit(.minutes(9)), arguments: [("ruby", "ruby"), ("nodejs", "node")])
        func `what a page on a language tells to type on the server works`(_ page: String, _ app: String) throws {
            let lines = try commands(of: "Deploy", in: "docs/\(page).md").split(
                separator: "\n", omittingEmptySubsequences: false
            ).map { line in
                // An editor is for people; the directory that a sentence names is entered.
                line.hasPrefix("nano ") ? "echo SECRET_KEY_BASE=x > /srv/blog/shared/.env; cd /srv/blog" : String(line)
            }
            let second = try #require(lines.firstIndex { $0.hasPrefix("passenger deploy") && !$0.contains("--repo") })
            let repository = "https://github.com/you/blog.git"
            #expect(lines.contains { $0.contains("--repo \(repository)") })
            let typed = try type(
                """
                rmdir /srv/blog
                scripts/install
                cp -R Tests/apps/\(app) /srv/repository
                chown -R www-data: /srv/repository
                as_them() { setpriv --reuid www-data --regid www-data --clear-groups git -C /srv/repository "$@"; }
                export HOME=/tmp
                as_them init -q -b main; as_them add .; as_them commit -qm first
                \(lines[..<second].joined(separator: "\n").replacing(repository, with: "/srv/repository"))
                for _ in $(seq 60); do curl -sf http://127.0.0.1:8080/version && break; sleep 1; done
                as_them commit -q --allow-empty -m second
                \(lines[second...].joined(separator: "\n").replacing("passenger deploy", with: "passenger deploy --wait"))
                passenger releases
                passenger status
                passenger stop
                """, isRoot: true)
            #expect(typed.status == 0, "\(typed.everything)")
            #expect(typed.output.contains("2-") && typed.output.contains("1-"), "\(typed.output)")
        }
    }
}
