import Testing

@testable import Commands

/// The readers of nginx' and Apache's languages.
struct WebServerSyntaxTests {
    private func shown(_ statements: [Statement]) -> String {
        statements.map { statement in
            let block = statement.block.map { " {\(shown($0))}" } ?? ""
            return "\(statement.place.line):\(([statement.name] + statement.words).joined(separator: "|"))\(block)"
        }.joined(separator: " ")
    }

    private func nginx(_ text: String) throws -> String { shown(try NginxSyntax.statements(text, file: "f")) }
    private func apache(_ text: String) throws -> String { shown(try ApacheSyntax.statements(text, file: "f")) }

    @Test func `nginx' statements have words, quotes, comments, blocks and lines`() throws {
        #expect(try nginx("a b  c;# x;\n\n d;") == "1:a|b|c 3:d")
        #expect(try nginx("a 'b c' \"d \\\"e\\\" $f\" g\\;h;") == "1:a|b c|d \"e\" $f|g\\;h")
        #expect(
            try nginx("server { listen 80;\n location ~ \\.php$ { deny all; } }\nx;")
                == "1:server {1:listen|80 2:location|~|\\.php$ {2:deny|all}} 3:x")
        #expect(try nginx("a ${b}c{d;}") == "1:a|${b}c {1:d}")
        #expect(try nginx("a \"x\ny\"\nb; c;") == "1:a|x\ny|b 3:c")
        #expect(try nginx("") == "" && nginx("# only this") == "")
        // Written again as it was.
        #expect(try NginxSyntax.statements("a 'b c' \"d\\\"\" e;", file: "f")[0].written == "'b c' \"d\\\"\" e")
    }

    @Test(arguments: [
        ("a", "1: 'a' has no ';'"), ("a;\nb }", "2: a '}' closes nothing"), ("a {\n b;", "2: a block is not closed"),
        ("a;\n{ b; }", "2: a block has no name"), ("a \"b;\n", "1: a quote is not closed"),
        ("}", "1: a '}' closes nothing"),
        ("a { b }", "1: 'b' has no ';'"),
    ])
    func `what nginx would not take is said with its line`(_ text: String, _ reason: String) throws {
        let failure = #expect(throws: SyntaxFailure.self) { try self.nginx(text) }
        #expect(failure.map { "\($0.place.line): \($0.reason)" } == reason)
    }

    @Test func `Apache's statements have quotes, comments, sections, and lines that go on`() throws {
        #expect(try apache("A b \\\n  c\n# x \nD") == "1:A|b|c 4:D")
        #expect(try apache("SetEnv X \"a \\\"b\\\" c\" 'd e'\r\n") == "1:SetEnv|X|a \"b\" c|d e")
        #expect(
            try apache("<VirtualHost *:80>\n  <Directory \"/a b\">\n A on\n </directory>\n</VirtualHost>\nB")
                == "1:VirtualHost|*:80 {2:Directory|/a b {3:A|on}} 6:B")
        #expect(try apache("<IfModule a>\n</IfModule>") == "1:IfModule|a {}")
        // A backslash that is no escape stays.
        #expect(try apache("RewriteRule ^a\\.b$ \"c\\.d\"") == "1:RewriteRule|^a\\.b$|c\\.d")
    }

    @Test(arguments: [
        ("<A>\n", "1: <A> is not closed"), ("x\n</A>", "2: '</A>' closes nothing"),
        ("<A>\n</B>", "2: '</B>' closes nothing"),
        ("<A\n", "1: '<A' has no '>'"),
    ])
    func `what Apache would not take is said with its line`(_ text: String, _ reason: String) throws {
        let failure = #expect(throws: SyntaxFailure.self) { try self.apache(text) }
        #expect(failure.map { "\($0.place.line): \($0.reason)" } == reason)
    }

    @Test func `comments go with the statement below them, or with the one before them on their line`() throws {
        func shown(_ statements: [Statement]) -> [String] {
            statements.flatMap { statement in
                ["\(statement.name): \((statement.comments + ["-"] + statement.after).joined(separator: " "))"]
                    + shown(statement.block ?? [])
            }
        }
        let nginx =
            "# top\n\n#two\na; # late\n# of b\nb { # in\n  c;\n  # last\n} # of b as well\nd {\n # only\n}\ne \"#\" f#g;\n# end"
        #expect(
            try shown(NginxSyntax.statements(nginx, file: "f")) == [
                "a: # top #two # late -", "b: # of b # of b as well -", "c: # in - # last", "d: -",
                "e: # only - # end",
            ])
        let apache = "# top \\\n goes on\n<A>\n # of b\n B\n # last\n</A>\n<C>\n# only\n</C>\n# end\n"
        #expect(
            try shown(ApacheSyntax.statements(apache, file: "f")) == [
                "A: # top  goes on -", "B: # of b - # last", "C: # only - # end",
            ])
        // What is written stays a comment, whatever it says.
        #expect(CommentText.line("# a\u{0}b\u{2028}c\u{85}d \\ \\") == "# a b c d")
    }

    @Test func `depth and number of statements are bounded`() {
        let depth = ReadingLimit.blockDepth + 1
        #expect(throws: SyntaxFailure.self) {
            try self.nginx(String(repeating: "a {", count: depth) + String(repeating: "}", count: depth))
        }
        #expect(throws: SyntaxFailure.self) {
            try self.apache(String(repeating: "<A>\n", count: depth) + String(repeating: "</A>\n", count: depth))
        }
        #expect(throws: SyntaxFailure.self) {
            try self.nginx(String(repeating: "a;", count: ReadingLimit.statements + 1))
        }
        #expect(throws: SyntaxFailure.self) {
            try self.apache(String(repeating: "A\n", count: ReadingLimit.statements + 1))
        }
    }

    @Test func `no bytes make a reader fall over`() {
        var state: UInt64 = 0x1234_5678
        let alphabet = Array("ab {};\"'\\\n#<>/$*P\u{FFFD}é")
        for _ in 0..<3000 {
            var text = ""
            for _ in 0..<40 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text.append(alphabet[Int(state >> 33) % alphabet.count])
            }
            _ = try? NginxSyntax.statements(text, file: "f")
            _ = try? ApacheSyntax.statements(text, file: "f")
        }
    }
}
