import ArgumentParser
import Foundation
import Testing

@testable import Commands

/// Commands in docs/ are commands that there are.
struct DocumentedCommandTests {
    private static let lines: [String] = {
        let directory = "\(SourceTree.path)/docs"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.filter { $0.hasSuffix(".md") }.flatMap { name -> [String] in
            let text = (try? String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8)) ?? ""
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
                $0 != "#" && $0 != ">" && $0 != "&&" && $0 != "|"
            }
            #expect(throws: Never.self, "\(line)") { _ = try PassengerCommand.parseAsRoot(words.map(String.init)) }
        }
    }
}
