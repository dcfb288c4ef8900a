import Testing

@testable import Spawning

@Suite("Flat JSON")
struct FlatJSONTests {
    @Test("a flat object is read, escapes included")
    func reads() {
        let line = #"{"type":"error","summary":"a \"b\" \u00e4 \ud83d\ude00","concurrency":3,"ok":true,"none":null}"#
        let fields = FlatJSON.parse(Array(line.utf8))
        #expect(fields?["summary"] == .string("a \"b\" ä 😀"))
        #expect(fields?["concurrency"] == .integer(3))
        #expect(fields?["none"] == .null)
    }

    @Test(
        "anything else is refused",
        arguments: ["", "{", "[]", #"{"a":{}}"#, #"{"a":1"#, #"{"a":}"#, #"{"a":1}x"#, #"{"a":"\u12"}"#])
    func refuses(_ line: String) { #expect(FlatJSON.parse(Array(line.utf8)) == nil) }
}
