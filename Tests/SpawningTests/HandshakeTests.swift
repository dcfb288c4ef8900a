import Pool
import Testing

@testable import Spawning

@Suite("A handshake")
struct HandshakeTests {
    private let ready = #"{"version":1,"type":"ready","protocol":"session","concurrency":1}"# + "\n"
    private let step = #"{"version":1,"type":"step","step":"load_app","state":"begin"}"# + "\n"

    @Test("tells steps and the end, however its bytes are cut up", arguments: [1, 2, 7, 1000])
    func cutUp(_ size: Int) {
        var handshake = Handshake()
        let bytes = Array((step + step.replacing("begin", with: "end") + ready).utf8)
        var events: [Handshake.Event] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            events += handshake.receive(bytes[start..<min(start + size, bytes.count)])
        }
        #expect(events == [.stepBegan("load_app"), .stepEnded("load_app"), .ready(.session, concurrency: 1)])
        #expect(handshake.step == "load_app")
    }

    @Test("is over after its last word: what still comes, and the end of the pipe, mean nothing")
    func lastWord() {
        var handshake = Handshake()
        #expect(handshake.receive((ready + ready + "garbage\n").utf8).count == 1)
        #expect(handshake.ended().isEmpty)
    }

    @Test("carries a failure with everything that the loader knows")
    func failure() {
        var handshake = Handshake()
        let line = #"{"type":"error","step":"load_app","summary":"boom","details":"a\nb","hint":null}"# + "\n"
        #expect(
            handshake.receive(line.utf8) == [.failed(step: "load_app", summary: "boom", details: "a\nb", hint: nil)])
    }

    @Test("of a preloader ends with its word that the app is loaded, or that it must not be forked")
    func preloading() {
        for (line, expected) in [
            (#"{"version":1,"type":"preloaded"}"#, Handshake.Event.preloaded),
            (#"{"version":1,"type":"unsuitable","reason":"threads"}"#, .unsuitable(reason: "threads")),
        ] {
            var handshake = Handshake()
            #expect(handshake.receive((line + "\n" + ready).utf8) == [expected])
            #expect(handshake.ended().isEmpty)
        }
    }

    @Test("that ends early is broken")
    func endsEarly() {
        var handshake = Handshake()
        _ = handshake.receive(step.utf8)
        guard case .broken = handshake.ended().first else { return #expect(Bool(false), "not broken") }
        #expect(handshake.ended().isEmpty)
    }

    @Test(
        "that is something else is broken, once",
        arguments: [
            "hello\n", "{}\n", #"{"type":"ready"}"# + "\n", #"{"type":"ready","protocol":"ftp"}"# + "\n",
            #"{"version":2,"type":"ready","protocol":"http"}"# + "\n", #"{"type":"surprise"}"# + "\n", "\n",
        ])
    func somethingElse(_ text: String) {
        var handshake = Handshake()
        let events = handshake.receive((text + "more\n").utf8)
        #expect(events.count == 1)
        guard case .broken = events.first else { return #expect(Bool(false), "\(events)") }
    }

    @Test("with a line that never ends is broken")
    func endlessLine() {
        var handshake = Handshake()
        let events = handshake.receive([UInt8](repeating: UInt8(ascii: "x"), count: Handshake.maxLine + 1))
        guard events.count == 1, case .broken = events.first else { return #expect(Bool(false), "\(events)") }
    }

    @Test("of endless steps is broken in the end")
    func endless() {
        var handshake = Handshake()
        var last: Handshake.Event?
        for _ in 0..<10_000 { last = handshake.receive(step.utf8).last ?? last }
        guard case .broken = last else { return #expect(Bool(false), "\(String(describing: last))") }
    }

    @Test("a negative concurrency is none, a missing one is one")
    func concurrency() {
        for (text, expected) in [(#","concurrency":-5"#, 0), ("", 1), (#","concurrency":1024"#, 1024)] {
            var handshake = Handshake()
            let line = #"{"type":"ready","protocol":"http"\#(text)}"# + "\n"
            #expect(handshake.receive(line.utf8) == [.ready(.http, concurrency: expected)])
        }
    }
}
