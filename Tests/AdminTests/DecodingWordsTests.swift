import AdminAPI
import Model
import Testing

/// What is said of JSON that is not what was expected.
@Suite struct DecodingWordsTests {
    struct Sample: Decodable {
        var withEnv: Int
        var mayWait: Bool?
        var lines: [String]?
        var app: AppKind?
    }

    @Test(arguments: [
        (#"{"with_env": "x"}"#, "expected a whole number at with_env"),
        (#"{"with_env": 1, "may_wait": 2}"#, "expected true or false at may_wait"),
        (#"{"with_env": 1, "lines": {}}"#, "expected a list at lines"),
        (#"{"with_env": 1, "lines": ["a", 2]}"#, "expected a string at lines.1"),
        (#"{"with_env": 1, "app": "cobol"}"#, "cobol is none of the choices at app"),
        (#"{"with_env": 1.5}"#, "no valid JSON, or a number in it is out of range"),
        (#"{"with_env": 1e30}"#, "no valid JSON, or a number in it is out of range"),
        ("{", "no valid JSON, or a number in it is out of range"), ("{}", "with_env is missing"),
        ("[]", "expected an object"),
    ])
    func `names and types are those of JSON`(_ json: String, _ words: String) throws {
        let error = #expect(throws: DecodingError.self) { try WireJSON.decode(Sample.self, from: json.utf8) }
        #expect(error?.inWords == words)
    }
}
