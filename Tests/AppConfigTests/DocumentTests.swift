import Foundation
import Model
import Testing

@testable import AppConfig

@Suite("Documents", .timeLimit(.minutes(5)))
struct DocumentTests {
    @Test(
        "Text that is no YAML is refused with line and column",
        arguments: [
            ("port: [1", 1), ("a: b\n\tc: d", 2), ("a: 'x", 1), ("a: b: c", 1), ("port: 1\n]", 2), ("a: \u{1}", 1),
            ("x: *nobody", 1), ("port: 1\n---\nport: 2", 2),
        ])
    func syntax(text: String, line: Int) throws {
        let found = problems { try load(text) }
        #expect(found.count == 1)
        #expect(found.first?.message.hasPrefix("not valid YAML or JSON") == true)
        // libyaml names the place where it noticed, which may be the line's end.
        #expect((line...line + 1).contains(try #require(found.first?.line)))
        #expect(found.first?.column != nil)
    }

    @Test("A key given twice is refused")
    func duplicate() {
        #expect(
            problems { try load("port: 1\nport: 2\n") }.map(shown) == [
                "1:1 'port' given more than once. Keep one of them."
            ])
        #expect(problems { try load("envvars: {1a: x, \"1a\": y}") }.count == 1)
    }

    @Test("JSON is read by the same parser, tabs and all")
    func json() throws {
        let text = "{\n\t\"port\": 4000,\n\t\"health\": {\"path\": \"\\/up\"},\n\t\"user\": \"a\\u00e9\"\n}\n"
        let loaded = try load(text, name: "Passengerfile.json")
        #expect(loaded.app.health.path == "/up")
        #expect(loaded.app.users.user == "aé")
        #expect(
            problems { try load("{\n  \"prot\": 1\n}", name: "Passengerfile.json") }.map(shown)
                == ["2:3 unknown key 'prot'. Did you mean 'port'?"])
    }

    @Test("A file without a value in it sets nothing", arguments: ["", "\n", "# nothing\n", "---\n", "{}", "\u{FEFF}"])
    func empty(text: String) throws {
        #expect(try load(text).origins.isEmpty)
    }

    @Test("What is not a mapping is refused", arguments: ["- port", "port", "3000"])
    func notAMapping(text: String) {
        #expect(problems { try load(text) }.first?.message.hasPrefix("must be a mapping") == true)
    }

    @Test("Anchors may be used")
    func anchors() throws {
        let loaded = try load("start_timeout: &t 5s\nstop_timeout: *t\n")
        #expect(loaded.app.pool.stopTimeout == .seconds(5))
    }

    @Test(
        "Text that nests without end is refused, and does not end the process",
        arguments: [
            String(repeating: "[", count: 500_000), String(repeating: "{a: ", count: 200_000),
            String(repeating: "- ", count: 300_000), "port: " + String(repeating: "[", count: 40),
            "port: " + String(repeating: "[", count: 40) + String(repeating: "]", count: 40),
        ])
    func deep(text: String) {
        #expect(problems { try load(text) }.count == 1)
    }

    @Test("A few anchors cannot stand for millions of values")
    func bomb() {
        var text = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
        for level in 1...9 {
            text += "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ","))]\n"
        }
        #expect(problems { try load(text) }.map(\.message) == ["more than 16 aliases"])
        // As keys, where they would be hashed.
        let keys = "a: &a {? [x] : y}\n" + (0..<20).map { "? *a\n: \($0)\n" }.joined()
        #expect(problems { try load(keys) }.map(\.message) == ["more than 16 aliases"])
        let wide = "a: [" + String(repeating: "x,", count: 60_000) + "]"
        #expect(problems { try load(wide) }.map(\.message) == ["more than 50000 values"])
    }

    @Test("A file longer than 1 MiB is refused, one of 1 MiB is read")
    func tooLong() throws {
        let limit = ConfigFile.maximumSize
        _ = try load("#" + String(repeating: "x", count: limit - 1))
        #expect(
            problems { try load("#" + String(repeating: "x", count: limit)) }.map(shown)
                == ["longer than 1 MiB. A configuration file is never that long."])
    }

    @Test("What is not UTF-8, and what is not a file, is refused")
    func notText() throws {
        let tree = try TemporaryTree(["config.ru": ""])
        try tree.write("Passengerfile.yml", Data([0x61, 0xFF]))
        #expect(problems { try load(tree) }.map(\.message) == ["not UTF-8 text"])
        let other = try TemporaryTree(["config.ru": ""])
        try other.makeDirectory("Passengerfile.yml")
        #expect(problems { try load(other) }.map(\.message) == ["not a regular file"])
        let pipe = try TemporaryTree(["config.ru": ""])
        #expect(mkfifo(pipe["Passengerfile.yml"], 0o600) == 0)
        #expect(problems { try load(pipe) }.map(\.message) == ["not a regular file"])
    }

    @Test("Both Passengerfiles at once are refused")
    func both() throws {
        let tree = try TemporaryTree(["Passengerfile.yml": "port: 1", "Passengerfile.json": "{}", "config.ru": ""])
        #expect(
            problems { try load(tree) }.map(\.description) == [
                "\(tree["Passengerfile.yml"]): there is a Passengerfile.json beside it. "
                    + "Keep one of the two: they could contradict each other."
            ])
    }

    @Test("Mutated files load or are refused, but never end the process")
    func mutations() throws {
        let seed = """
            port: 3000
            envvars: &e {A: "1", B: 'x'}
            health: {path: /up, expect: 200-399, headers: *e}
            deploy:
              build: [npm ci, "a\\tb"]
              auto_rollback: {error_points: 5}
            trusted_proxies:
              - 10.0.0.0/8
            """
        let alphabet = Array("{}[]:,-?*&!|>'\"%@`#~<\\ \t\n\u{0}\u{85}\u{2028}é9a".unicodeScalars)
        let number = UInt64.random(in: 0 ... .max)
        print("seed \(number)")
        var random = SplitMix(state: number)
        for _ in 0..<3000 {
            var scalars = Array(seed.unicodeScalars)
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let index = Int.random(in: 0..<scalars.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: scalars.remove(at: index)
                case 1: scalars[index] = alphabet.randomElement(using: &random)!  // never empty
                case 2: scalars.insert(alphabet.randomElement(using: &random)!, at: index)  // never empty
                default: scalars.insert(contentsOf: scalars[index..<min(index + 9, scalars.count)], at: index)
                }
            }
            var text = String.UnicodeScalarView()
            text.append(contentsOf: scalars)
            let source = ConfigSource.inPlaceFile("/srv/app/Passengerfile.yml")
            let file = ConfigFile(path: "/srv/app/Passengerfile.yml", text: String(text), owner: 0)
            do throws(ConfigError) {
                var merge = Merge(appRoot: "/srv/app")
                merge.apply(try FileLayer.make(file, source: source, serverKeys: .allowed).layer)
                for problem in merge.problems { #expect(!problem.description.isEmpty) }
            } catch {
                #expect(!error.problems.isEmpty)
            }
        }
    }
}

/// A small generator with a seed that can be printed (Steele, Lea, Flood 2014).
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
