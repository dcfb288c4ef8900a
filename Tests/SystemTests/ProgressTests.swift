import Foundation
import Testing

extension SystemTests {
    /// What a deploy says of itself while it goes on.
    @Suite(.serialized) struct ProgressTests {
        private static let files = 400

        @Test(.timeLimit(.minutes(6)))
        func `a deploy counts in percent on a terminal, and in a pipe it says a line a step`() throws {
            let place = try Place()
            let repository = try TestRepository(.python, in: place)
            try FileManager.default.createDirectory(
                atPath: "\(repository.path)/many", withIntermediateDirectories: false)
            for number in 0..<Self.files {
                try "\(number)\n".write(
                    toFile: "\(repository.path)/many/\(number).txt", atomically: false, encoding: .utf8)
            }
            try repository.commit("many files")
            let server = TestServer(try place.makeAppDirectory("root"), in: place)
            let root = ["--root", server.directory, "--repo", repository.path]
            let terminal = try server.begin(
                ["deploy"] + root, adding: PseudoTerminal.variables, behind: PseudoTerminal.wrapper
            ).wait(within: .seconds(180), "a deploy on a terminal")
            #expect(terminal.status == 0, "\(terminal.everything)")
            // Each state of the line that moves.
            let states = PseudoTerminal.lines(terminal.output.replacing("\r", with: "\n"))
            #expect(states.allSatisfy { $0.count <= 80 }, "\(terminal.everything)")
            let spun = states.filter { $0.firstMatch(of: /^\x20{2}[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]\x20/) != nil }
            func counts(_ title: String, _ unit: String) -> [Int] {
                spun.compactMap { line in
                    guard line.contains(title) else { return nil }
                    let match = line.firstMatch(of: /\d (?:ms|s) {2}(\d+)% \((\d+) of (\d+) ([a-z]+)\)/)
                    return match.flatMap { $0.4 == unit ? Int($0.1) : nil }
                }
            }
            let (fetched, written) = (counts("fetch the repository", "objects"), counts("check out", "files"))
            #expect(!fetched.isEmpty && fetched == fetched.sorted(), "\(spun)")
            #expect(written.last == 100 && written == written.sorted(), "\(spun)")
            // What stays: each step with its time, none of the counting.
            let kept = PseudoTerminal.lines(terminal.output).map { $0.components(separatedBy: "  ✓ ").last ?? "" }
            for step in ["fetch the repository", "check out"] {
                #expect(kept.contains { $0.hasPrefix(step) && $0.hasSuffix("s") }, "\(kept)")
            }

            try repository.commitVersion(2)
            let pipe = try server.begin(["deploy"] + root).wait(within: .seconds(180), "a deploy in a pipe")
            #expect(pipe.status == 0, "\(pipe.everything)")
            #expect(
                !["\r", "\u{1B}", "%"].contains { pipe.output.contains($0) }, "\(pipe.everything)")
            let lines = pipe.output.split(separator: "\n")
            for step in ["fetch the repository", "check out"] {
                #expect(lines.count { $0.hasPrefix("ok      \(step)") && $0.hasSuffix(")") } == 1, "\(pipe.everything)")
            }
        }
    }
}
