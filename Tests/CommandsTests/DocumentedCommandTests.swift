import ArgumentParser
import Foundation
import Testing

@testable import Commands

/// Commands in README and docs/ are commands that there are.
struct DocumentedCommandTests {
    private static let lines: [String] = {
        let directory = "\(SourceTree.path)/docs"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        let pages = names.filter { $0.hasSuffix(".md") }.map { "\(directory)/\($0)" } + ["\(SourceTree.path)/README.md"]
        return pages.flatMap { page -> [String] in
            let text = (try? String(contentsOfFile: page, encoding: .utf8)) ?? ""
            let lines = text.split(separator: "\n").map { String($0.drop { $0 == " " }) }
            var isShell = false
            return lines.filter { line in
                if line.hasPrefix("```") { isShell = line == "```sh" }
                return isShell && line.hasPrefix("passenger ")
            }
        }
    }()

    @Test func `each can be parsed`() throws {
        #expect(Self.lines.count > 5)
        for line in Self.lines {
            // Up to a comment, and to where its output goes.
            let words = line.split(separator: " ").dropFirst().prefix {
                !["#", ">", "&&", "||", "|"].contains($0)
            }
            #expect(throws: Never.self, "\(line)") { _ = try PassengerCommand.parseAsRoot(words.map(String.init)) }
        }
    }
}
