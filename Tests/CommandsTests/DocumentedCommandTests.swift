import AppConfig
import ArgumentParser
import Foundation
import Testing

@testable import Commands

/// What README and docs/ tell people to type and to write is what there is.
struct DocumentedCommandTests {
    /// A fenced block of a page.
    struct Block: CustomTestStringConvertible, Sendable {
        var page: String
        var line: Int
        var language: String
        var text = ""
        var testDescription: String { "\(page):\(line)" }
    }

    private static let pages: [(name: String, text: String)] = {
        let directory = "\(SourceTree.path)/docs"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return (names.filter { $0.hasSuffix(".md") }.map { "docs/\($0)" } + ["README.md"]).sorted().map { name in
            (name, (try? String(contentsOfFile: "\(SourceTree.path)/\(name)", encoding: .utf8)) ?? "")
        }
    }()

    static let blocks: [Block] = pages.flatMap { name, text -> [Block] in
        var blocks: [Block] = []
        var open: (block: Block, indent: Int)?
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let bare = line.drop { $0 == " " }
            if bare.hasPrefix("```") {
                if let (block, _) = open { blocks.append(block) }
                let begun = Block(page: name, line: index + 1, language: String(bare.dropFirst(3)))
                open = open == nil ? (begun, line.count - bare.count) : nil
            } else {
                let indent = open?.indent ?? 0
                open?.block.text += line.dropFirst(indent) + "\n"
            }
        }
        return blocks
    }

    private static let tools: [String: any ParsableCommand.Type] = [
        "passenger": PassengerCommand.self, "passenger-config": PassengerConfigTool.self,
        "passenger-status": PassengerStatusTool.self, "passenger-memory-stats": PassengerMemoryStatsTool.self,
    ]

    /// Each call of a tool of ours in a line, up to a comment, and to where its output goes.
    private func check(_ line: String, _ place: String) {
        var words: [String] = []
        func parse() {
            defer { words = [] }
            let begin = words.first.map { ["sudo", "exec"].contains($0) } == true ? 1 : 0
            guard words.count > begin, let tool = Self.tools[words[begin].components(separatedBy: "/").last ?? ""]
            else { return }
            let arguments = words.dropFirst(begin + 1).prefix { !["#", ">", ">>", "<"].contains($0) }
            #expect(isTaken(Array(arguments), by: tool), "\(place): \(line)")
        }
        for word in ApacheSyntax.words(line) {
            if ["&&", "||", "|", ";", "&"].contains(word) { parse() } else { words.append(word) }
        }
        parse()
    }

    /// A command that is only spoken of, without its arguments, has to be there; and what ends before anything is parsed is taken too.
    private func isTaken(_ arguments: [String], by tool: any ParsableCommand.Type) -> Bool {
        if arguments == ["-v"] { return true }
        do {
            _ = try tool.parseAsRoot(arguments)
            return true
        } catch {
            let isOther = ["versionRequested", "completionScriptRequested"].contains { "\(error)".contains($0) }
            if isOther { return true }
        }
        var command = tool
        for word in arguments {
            guard let next = command.configuration.subcommands.first(where: { $0.configuration.commandName == word })
            else { return false }
            command = next
        }
        return true
    }

    @Test func `each command in a block can be parsed`() {
        let lines = Self.blocks.filter { $0.language == "sh" }.flatMap { block in
            block.text.replacing("\\\n", with: " ").split(separator: "\n").map { (String($0), block.testDescription) }
        }
        #expect(lines.count > 50)
        for (line, place) in lines { check(line, place) }
    }

    @Test func `each command in a sentence can be parsed, with something in the place of what it leaves open`() {
        let values = [
            "N": "1", "NAME": "blog", "FILE": "/tmp/file", "DIR": "/tmp/dir", "URL": "https://example.com/x.git",
            "REF": "main", "…": "x",
        ]
        var count = 0
        for (name, text) in Self.pages {
            for match in text.matches(of: /`(passenger(?:-[a-z-]+)? [^`\n]+)`/) {
                let line = String(match.1).split(separator: " ").map { values[String($0)] ?? String($0) }.joined(
                    separator: " ")
                count += 1
                check(line, name)
            }
        }
        #expect(count > 30)
    }

    @Test(arguments: blocks.filter { $0.language == "sh" })
    func `the shell understands each block`(_ block: Block) throws {
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        shell.arguments = ["-n", "-c", block.text]
        try shell.run()
        shell.waitUntilExit()
        #expect(shell.terminationStatus == 0, "\(block.text)")
    }

    /// As a file of an app's, or as a server file when it speaks of apps or certificates.
    @Test(arguments: blocks.filter { $0.language == "yaml" })
    func `each block of settings is taken as it stands`(_ block: Block) throws {
        let directory = try Self.machine()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let text = block.text.replacing("/srv/", with: "\(directory)/srv/").replacing(
            "/etc/", with: "\(directory)/etc/")
        let isServers = block.text.split(separator: "\n").contains { line in
            ["apps:", "apps_dir:", "ssl_port:", "socket_file:"].contains { line.hasPrefix($0) }
        }
        let app = "\(directory)/srv/blog"
        try text.write(
            toFile: isServers ? "\(directory)/passenger.yml" : "\(app)/Passengerfile.yml", atomically: false,
            encoding: .utf8)
        let loader = ConfigLoader(workingDirectory: directory)
        let loaded = try loader.loadServer(
            arguments: [:], environment: ["HOME": directory],
            directory: isServers && !text.contains("ssl_port") ? nil : app,
            serverFile: isServers ? "passenger.yml" : nil)
        #expect(loaded.refused.isEmpty, "\(loaded.refused)")
        #expect(loaded.warnings.map(\.message) == [], "\(block.text)")
        #expect(loaded.apps.count >= 1 || loaded.directory != nil)
    }

    /// The directories that the pages speak of, with an app in each.
    private static func machine() throws -> String {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("docs-\(UUID().uuidString)").path
        for app in ["blog", "shop", "apps/shop.example.com"] {
            let path = "\(directory)/srv/\(app)"
            try FileManager.default.createDirectory(atPath: "\(path)/dist", withIntermediateDirectories: true)
            try "run 1".write(toFile: "\(path)/config.ru", atomically: false, encoding: .utf8)
        }
        return directory
    }

    @Test func `each page that a page leads to is there`() {
        for (name, text) in Self.pages {
            let place = (name as NSString).deletingLastPathComponent
            for match in text.matches(of: /\]\(([^)#\s]+)(?:#[^)]*)?\)/) where !match.1.contains("://") {
                let path = "\(SourceTree.path)/\(place)/\(match.1)"
                #expect(FileManager.default.fileExists(atPath: path), "\(name): \(match.1)")
            }
        }
    }
}
