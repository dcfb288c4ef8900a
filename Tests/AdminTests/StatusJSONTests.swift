import Foundation
import Model
import Testing

@testable import AdminAPI

/// A report is written by hand: it has to be what the general encoder would make of it, down to the order.
struct StatusJSONTests {
    private func same(_ report: StatusReport, _ comment: Comment) throws {
        let written = report.json()
        let encoded = try WireJSON.encode(report, pretty: true)
        #expect(WireJSON.oneLine(written) == WireJSON.oneLine(encoded), comment)
        #expect(try WireJSON.decode(StatusReport.self, from: written) == report, comment)
        for text in [written, encoded, WireJSON.oneLine(written)] {
            #expect(try StatusReport(json: text) == report, comment)
        }
    }

    /// As many of everything as there are kinds, with every member that there is: what is added to a type and not written is missed.
    private func full() throws -> StatusReport {
        let catalogue = ShapeCatalogue()
        var worker = try catalogue.sample(of: WorkerStatus.self)
        worker.ageSeconds = 12.345_678_901
        worker.idleSeconds = 1e-7
        var generation = try catalogue.sample(of: GenerationStatus.self)
        generation.workers = [worker, worker]
        generation.memory?.pssBytes = .max
        var app = try catalogue.sample(of: AppStatus.self)
        app.generations = [generation, generation]
        app.companions = [try catalogue.sample(of: CompanionStatus.self)]
        app.warnings = ["one", "two"]
        app.lastFailure?.outputTail = [
            #"a "line", {"requests_now" : 1}"#, "a_b\"", "_a_b", ": c_d", "a \"line\"",
            "\\ and / and \u{1} \u{8} \u{1F} \u{7F} \t\r\n\u{C}", "ä € 𝄞 \u{2028}",
        ]
        var report = try catalogue.sample(of: StatusReport.self)
        report.apps = [app, app]
        report.server.listeners = ["127.0.0.1:3000", "unix:/run/a.sock"]
        report.server.warnings = []
        report.server.uptimeSeconds = 3600
        return report
    }

    @Test func `Every member is written, as the encoder does`() throws {
        let report = try full()
        try same(report, "\(String(decoding: report.json(), as: UTF8.self))")
        #expect(
            String(decoding: report.json(), as: UTF8.self).hasPrefix(
                "{\n  \"apps\" : [\n    {\n      \"companions\" : ["))
    }

    @Test func `What is not known is left out`() throws {
        let server = ServerStatus(
            instance: "", version: "0", supervisorPid: -1, corePid: .min, startedAt: WallTime(millisecondsSince1970: 0),
            uptimeSeconds: 0, listeners: [])
        let name = try #require(AppName("a"))
        var app = AppStatus(name: name, root: "/", mode: .inPlace, kind: nil, environment: "")
        try same(StatusReport(server: server, apps: []), "no app")
        try same(StatusReport(server: server, apps: [app]), "an app")
        app.generations = [GenerationStatus(number: GenerationNumber(0), release: nil, state: .draining, workers: [])]
        try same(StatusReport(server: server, apps: [app]), "a generation")
    }

    @Test func `Numbers are the same whatever they are`() throws {
        var report = try full()
        let values = [
            0, -0.0, 1, -1.5, 0.1, 1e15, 1e16, 1e17, 123_456_789.125, .leastNonzeroMagnitude, .pi,
            9_007_199_254_740_992,
        ]
        for value in values {
            report.server.uptimeSeconds = value
            let text = String(decoding: WireJSON.oneLine(report.json()), as: UTF8.self)
            #expect(
                try WireJSON.decode(StatusReport.self, from: report.json()).server.uptimeSeconds == value,
                "\(text.suffix(200))")
        }
        report.server.uptimeSeconds = .infinity
        #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(report.json())) }
    }

    /// With the release build `status --json` of such a report takes 18 ms of CPU time, start and all, and `status` 50 ms. The limit is
    /// for a debug build on a machine that has other work.
    @Test func `A report of 200 apps with 2,000 workers is written, and read, in a moment`() throws {
        var report = try full()
        var app = report.apps[0]
        app.generations = [app.generations[0]]
        app.generations[0].workers = Array(repeating: app.generations[0].workers[0], count: 10)
        report.apps = Array(repeating: app, count: 200)
        let clock = ContinuousClock()
        var text: [UInt8] = []
        let writing = (0..<3).map { _ in clock.measure { text = report.json() } }
        let reading = try (0..<3).map { _ in
            try clock.measure { _ = try StatusReport(json: text) }
        }
        #expect(text.count > 1_000_000)
        #expect(writing.contains { $0 < .seconds(2) } && reading.contains { $0 < .seconds(2) }, "\(writing) \(reading)")
    }

    @Test(
        "A text that breaks off anywhere is an error, and one of another version says in the API's names what it lacks")
    func broken() throws {
        let text = WireJSON.oneLine(try full().json())
        for length in stride(from: 0, to: text.count, by: 7) {
            #expect(throws: DecodingError.self) { try StatusReport(json: Array(text[..<length])) }
        }
        let lacking = String(decoding: text, as: UTF8.self).replacing("\"requests_now\"", with: "\"requests\"")
        let error = #expect(throws: DecodingError.self) { try StatusReport(json: Array(lacking.utf8)) }
        #expect(error?.inWords.contains("requests_now") == true, "\(error?.inWords ?? "")")
    }

    @Test(arguments: [
        (#"{"a_b":"c_d","e_f_2g": ["h_i"]}"#, #"{"aB":"c_d","eF2g": ["h_i"]}"#),
        (#"{"a":"\"b_c\" :","d_e" : 1}"#, #"{"a":"\"b_c\" :","dE" : 1}"#), (#""a_"#, #""a_"#), (#""\"#, #""\"#),
        ("", ""),
    ])
    func `Keys become members' names, strings stay`(wire: String, names: String) {
        #expect(String(decoding: WireJSON.memberNames(Array(wire.utf8)), as: UTF8.self) == names)
    }

    @Test func `One line of several keeps what is in strings`() {
        let pretty = "{\n  \"a b\" : [\n    \"x \\\" : y\\\\\",\n    1\n  ],\n  \"c\" : {\n\n  }\n}\n"
        let line = String(decoding: WireJSON.oneLine(Array(pretty.utf8)), as: UTF8.self)
        #expect(line == #"{"a b":["x \" : y\\",1],"c":{}}"#)
    }
}
