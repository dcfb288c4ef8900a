import Foundation
import Linux
import Logging
import Testing

@testable import Telemetry

@Suite struct LogFormatTests {
    /// What a logger writes to its descriptor.
    private func written(isJSON: Bool, _ body: (Logger) -> Void) throws -> [String] {
        let pipe = try Pipe(nonBlockingReader: false)
        let writer = try LogWriter(descriptor: pipe.writer.number, isJSON: isJSON)
        body(
            Logger(label: "test") { _ in
                if isJSON {
                    JSONLogHandler(writer: writer, level: SharedLevel(.info))
                } else {
                    LineLogHandler(writer: writer, level: SharedLevel(.info))
                }
            })
        // A line at the end, so that one is read whatever was written before.
        writer.write("end")
        var bytes: [UInt8] = []
        while !bytes.suffix(4).elementsEqual("end\n".utf8) {
            let some = try readSome(pipe.reader.number, limit: 4096)
            guard !some.isEmpty else { break }
            bytes += some
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropLast().map(String.init)
    }

    private func object(_ line: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
    }

    private static let nasty = "a \"quote\", \\ back, \n\r\t\u{1}\u{7f} controls, ü\u{2028}😀"

    @Test func `Each message is one object of JSON, whatever is in it`() throws {
        let lines = try written(isJSON: true) { logger in
            logger.debug("not wanted")
            logger.warning(
                "\(Self.nasty)",
                metadata: [
                    "app": "blog", "worker": .stringConvertible(UInt32(7)), "\"key": "\(Self.nasty)",
                    "output": ["one", "two\n"], "pairs": ["b": "2", "a": .stringConvertible(1.5)],
                ])
            var about = logger
            about[metadataKey: "generation"] = .stringConvertible(3)
            about.critical("second", metadata: ["generation": .stringConvertible(4)])
        }
        try #require(lines.count == 2, "\(lines)")
        let first = try object(lines[0])
        #expect(first["level"] as? String == "warning" && first["message"] as? String == Self.nasty)
        #expect(first["app"] as? String == "blog" && first["worker"] as? Int == 7)
        #expect(first["\"key"] as? String == Self.nasty && first["output"] as? [String] == ["one", "two\n"])
        #expect(first["pairs"] as? [String: String] == ["a": "1.5", "b": "2"])
        let time = try #require(first["time"] as? String)
        #expect(time.count == 24 && time.hasSuffix("Z"), "\(time)")
        #expect(lines[0].hasPrefix("{\"time\":\"\(time)\",\"level\":\"warning\",\"message\":"))
        let second = try object(lines[1])
        #expect(second["level"] as? String == "critical" && second["generation"] as? Int == 4)
    }

    @Test func `In text, what a message is about stands in its words alone`() throws {
        let lines = try written(isJSON: false) { logger in
            logger.error(
                "app blog g3: gone", metadata: ["app": "blog", "generation": "3", "reason": "why", "error": "x"])
        }
        try #require(lines.count == 1, "\(lines)")
        #expect(lines[0].hasSuffix(" ERROR app blog g3: gone error=x reason=why"), "\(lines[0])")
    }
}
