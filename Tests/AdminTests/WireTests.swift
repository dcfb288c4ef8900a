import AdminAPI
import Model
import Testing

struct WireTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_743_499_800_250, "2025-04-01T09:30:00.250Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
        ] as [(Int64, String)])
    func `Times are RFC 3339, both ways`(_ milliseconds: Int64, _ text: String) {
        #expect(WallTime(millisecondsSince1970: milliseconds).description == text)
        #expect(WallTime(text)?.millisecondsSince1970 == milliseconds)
    }

    @Test(arguments: ["", "2025-04-01", "2025-13-01T00:00:00Z", "2025-04-01T24:00:00Z", "2025-04-0xT00:00:00Z"])
    func `Other text is no time`(_ text: String) {
        #expect(WallTime(text) == nil)
    }

    @Test func `Events have flat, stable names on the wire`() throws {
        let event = OperationEvent.stepStarted(step: "build", title: "npm ci")
        let text = String(decoding: try WireJSON.encode(event), as: UTF8.self)
        #expect(text == #"{"event":"step_started","step":"build","title":"npm ci"}"#)
    }

    @Test func `An event of a newer server is no mistake`() throws {
        let event = try WireJSON.decode(OperationEvent.self, from: Array(#"{"event":"canary","percent":5}"#.utf8))
        #expect(event == .unknown(event: "canary"))
    }

    @Test func `Keys are snake_case, and requests may leave out everything`() throws {
        var request = DeployRequest()
        request.bakeSeconds = 1.5
        let text = String(decoding: try WireJSON.encode(request), as: UTF8.self)
        #expect(
            text
                == #"{"allow_older":false,"bake_seconds":1.5,"force":false,"mirrored":false,"queue_latest":false,"wait":false}"#
        )
        #expect(try WireJSON.decode(DeployRequest.self, from: Array("{}".utf8)) == DeployRequest())
        #expect(try WireJSON.decode(RollbackRequest.self, from: Array("{}".utf8)) == RollbackRequest())
    }

    @Test(arguments: ["", "a/b", "a.b", String(repeating: "a", count: 65)])
    func `An operation's name is safe in a path`(_ text: String) {
        #expect(OperationID(text) == nil)
    }
}
