import Compression
import HTTP1
import Testing

@Suite struct DecisionTests {
    @Test("who accepts gzip", arguments: acceptCases) func accept(_ row: DecisionCase) { check(row) }
    @Test("which types", arguments: typeCases) func types(_ row: DecisionCase) { check(row) }
    @Test("which answers", arguments: answerCases) func answers(_ row: DecisionCase) { check(row) }
    @Test("whose secrets", arguments: breachCases) func secrets(_ row: DecisionCase) { check(row) }

    private func check(_ row: DecisionCase) {
        let request = ([row.line, "Host: example.com"] + row.request).joined(separator: "\r\n") + "\r\n\r\n"
        let length = row.length.map { ["Content-Length: \($0)"] } ?? []
        let answer = (["HTTP/1.1 \(row.status)"] + row.answer + length).joined(separator: "\r\n") + "\r\n\r\n"
        let decision = withRequest(request) { request, requestBytes in
            withAnswer(answer, method: request.method) { answer, answerBytes in
                CompressionDecision.judge(
                    request: request, requestBytes, answer: answer, answerBytes,
                    own: OwnOrigin(isSecure: row.isSecure, host: request.host.of(requestBytes)))
            }
        }
        #expect(decision == row.expected)
    }

    private func head(_ decision: CompressionDecision, _ fields: [String]) -> String {
        let text = (["HTTP/1.1 200 OK"] + fields).joined(separator: "\r\n") + "\r\n\r\n"
        let change = CompressedFields(decision)
        return withAnswer(text) { head, bytes in
            let size =
                AnswerHead.encodedSize(head, headLength: bytes.count)
                + CompressedFields.encodedSize(headLength: bytes.count)
            let written = [UInt8](unsafeUninitializedCapacity: size) { memory, count in
                var writer = ByteWriter(UnsafeMutableRawBufferPointer(memory))
                AnswerHead.begin(
                    head, bytes, framing: .chunked, keepAlive: true, clientMinor: 1, dropping: change.dropping,
                    to: &writer)
                change.write(head, bytes, to: &writer)
                count = writer.count
            }
            return String(decoding: written, as: UTF8.self)
        }
    }

    @Test func `A compressed answer says so, and gives up what is true of the bytes only`() {
        let fields = ["ETag: \"a\"", "Accept-Ranges: bytes", "Content-Length: 5", "Vary: Cookie", "X: y"]
        let start = "HTTP/1.1 200 OK\r\nVary: Cookie\r\nX: y\r\nTransfer-Encoding: chunked\r\n"
        #expect(
            head(.compress(isPadded: false), fields)
                == start + "Content-Encoding: gzip\r\nETag: W/\"a\"\r\nVary: Accept-Encoding\r\n")
    }

    @Test(
        "tags",
        arguments: [
            ("\"a\"", "W/\"a\""), ("W/\"a\"", "W/\"a\""), ("\"\"", "W/\"\""), ("a", nil), ("abc", nil), ("", nil),
        ] as [(String, String?)])
    func tags(_ tag: String, _ expected: String?) {
        let text = head(.compress(isPadded: true), ["ETag: \(tag)", "Vary: *"])
        #expect(text.hasSuffix("Content-Encoding: gzip\r\n" + (expected.map { "ETag: \($0)\r\n" } ?? "")))
    }

    @Test func `Vary is there whenever the request had a say in it`() {
        for reason in CompressionDecision.Reason.allCases {
            let text = head(.leave(reason), ["ETag: \"a\"", "Accept-Ranges: bytes"])
            #expect(text.contains("\r\nETag: \"a\"\r\nAccept-Ranges: bytes\r\n"))
            #expect(text.hasSuffix("Vary: Accept-Encoding\r\n") == reason.dependsOnRequest, "\(reason)")
        }
        for vary in ["*", "accept-encoding", "Cookie, Accept-Encoding"] {
            #expect(!head(.leave(.breach), ["Vary: \(vary)"]).hasSuffix("Vary: Accept-Encoding\r\n"))
        }
    }
}
