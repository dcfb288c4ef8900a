import Testing

@testable import AppConfig

struct DotEnvEditingTests {
    private let place = ConfigPlace(source: .releaseFile("/.env"))

    private func edited(_ text: String, _ setting: [String: String] = [:], removing: Set<String> = []) throws -> String
    {
        try DotEnv.edited(text, setting: setting, removing: removing, at: place)
    }

    @Test func `A change leaves comments, order and other lines as they are`() throws {
        let text = "# one\nA=1\n\nexport B = 'two' # why\nC=3"
        #expect(try edited(text, ["B": "x"]) == "# one\nA=1\n\nB=x\nC=3")
        #expect(try edited(text, ["D": "4", "A": "0"]) == "# one\nA=0\n\nexport B = 'two' # why\nC=3\nD=4\n")
        #expect(try edited(text, removing: ["A", "C", "X"]) == "# one\n\nexport B = 'two' # why\n")
        #expect(try edited("", ["A": "1"]) == "A=1\n")
    }

    @Test func `Of a name that is there twice one is left`() throws {
        #expect(try edited("A=1\nB=2\nA=3\n", ["A": "4"]) == "A=4\nB=2\n")
        #expect(try edited("A=1\nB=2\nA=3\n", removing: ["A"]) == "B=2\n")
    }

    @Test(arguments: [
        "", "plain", "with blank", "#hash", "it's", "say \"it's\" $HOME \\n", "two\nlines", "it's\ntwo\tlines", "'",
        "\"", "$",
        " lead and trail ", "ü", "a=b", "\r", "it's\r\n",
    ])
    func `Every value is read as it was set`(_ value: String) throws {
        for text in ["", "A=0\n", "A='old\nlines'\nB=1\n", "B=\"x\"\n# end"] {
            let result = try edited(text, ["A": value])
            var expected = try DotEnv.parse(text, at: place)
            expected["A"] = value
            #expect(try DotEnv.parse(result, at: place) == expected, "\(result)")
        }
    }

    @Test(arguments: ["1A", "A B", "", "A=", "ä", "A\nB"])
    func `What is no name is refused`(_ name: String) {
        #expect(throws: ConfigError.self) { try edited("", [name: "x"]) }
    }
}
