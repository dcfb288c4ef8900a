import Foundation
import Glibc
import Linux
import Testing

extension SystemTests {
    /// What the commands say of themselves: man pages and completions.
    @Suite(.serialized) struct ManualTests {
        private static let commands = [
            "start", "stop", "status", "deploy", "rollback", "logs", "check", "init", "exec", "console", "memory-stats",
        ]

        @Test(.timeLimit(.minutes(3)))
        func `every command has a man page that man can show`() throws {
            let place = try Place()
            let server = TestServer(place.path, in: place)
            let directory = "\(place.path)/man"
            let made = try Program(
                ["python3", "-B", "\(SourceTree.path)/scripts/lib/manual.py", TestServer.binary, directory],
                environment: server.environment, in: place
            ).wait()
            #expect(made.status == 0, "\(made.everything)")
            let pages = try FileManager.default.contentsOfDirectory(atPath: directory)
            for command in Self.commands { #expect(pages.contains("passenger-\(command).1"), "\(pages)") }
            #expect(pages.contains("passenger.1") && pages.contains("passenger-config.1"))
            let lint = try Program(
                ["mandoc", "-T", "lint", "-W", "warning"] + pages.map { "\(directory)/\($0)" },
                environment: server.environment, in: place
            ).wait()
            #expect(lint.status == 0 && lint.output.isEmpty, "\(lint.everything)")
            let shown = try Program(
                ["mandoc", "-T", "utf8", "\(directory)/passenger-logs.1"], environment: server.environment, in: place
            ).wait()
            // Bold is written twice over itself.
            let text = shown.output.replacing(/.\u{8}/, with: "")
            #expect(text.contains("--follow") && text.contains("passenger logs"), "\(text)")
            let status = try readFile("\(directory)/passenger-status.1")
            #expect(String(decoding: status, as: UTF8.self).contains("Phusion Passenger"))
        }

        @Test(.timeLimit(.minutes(3)))
        func `bash completes commands and flags`() throws {
            let place = try Place()
            let server = TestServer(place.path, in: place)
            let script = "\(place.path)/completion"
            for shell in ["bash", "zsh", "fish"] {
                let end = try server.run("--generate-completion-script", shell)
                #expect(end.status == 0 && end.output.contains("memory-stats"), "\(shell): \(end.everything)")
                if shell == "bash" { try end.output.write(toFile: script, atomically: false, encoding: .utf8) }
            }
            func completed(_ line: String) throws -> [String] {
                let program = """
                    source "$0"
                    COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=($1) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
                    _passenger passenger "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
                    printf '%s\\n' "${COMPREPLY[@]}"
                    """
                let end = try Program(
                    ["bash", "-c", program, script, line], environment: server.environment, in: place
                ).wait()
                return end.output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            }
            #expect(try completed("passenger mem") == ["memory-stats"])
            #expect(try completed("passenger logs --fol") == ["--follow"])
        }
    }
}
