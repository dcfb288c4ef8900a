import Testing

@testable import Spawning

@Suite("A worker's output")
struct OutputTests {
    private func split(_ pieces: [String], maxLine: Int = 16) -> [String] {
        let splitter = LineSplitter(maxLine: maxLine)
        var lines: [String] = []
        for piece in pieces { lines += Array(piece.utf8).withUnsafeBytes { splitter.receive($0) } }
        return lines + splitter.ended()
    }

    @Test("is cut into lines, however it was written")
    func lines() {
        #expect(split(["a\nb", "c\r\n", "\nd"]) == ["a", "bc", "", "d"])
        #expect(split(["ä".description]) == ["ä"])
        #expect(split([]).isEmpty)
    }

    @Test("without line ends stays bounded")
    func bounded() {
        #expect(split([String(repeating: "x", count: 40)]).map(\.count) == [16, 16, 8])
    }

    @Test("is remembered by its last lines")
    func tail() {
        var tail = OutputTail()
        for number in 0..<200 { tail.append(["\(number)"]) }
        #expect(tail.lines.count == OutputTail.maxLines && tail.lines.last == "199")
        tail.append((0..<100).map(String.init))
        #expect(tail.lines.count == OutputTail.maxLines && tail.lines.first == "50")
    }
}
