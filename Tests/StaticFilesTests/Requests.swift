import HTTP1
import Testing

@testable import StaticFiles

/// An answer with its head as text and its body's bytes put together.
struct Answered: Equatable {
    var status: Int
    var head: String
    var body: String?

    func field(_ name: String) -> String? {
        let lines = head.split(separator: "\r\n").filter { $0.hasPrefix(name + ": ") }
        #expect(lines.count <= 1, "\(name) is there once")
        return lines.first.map { String($0.dropFirst(name.count + 2)) }
    }
}

/// What a file is answered with for a request with these field lines.
func ask(_ file: StaticFile, _ lines: [String] = [], method: String = "GET", boundary: UInt64 = 7) throws -> Answered {
    let request = Array("\(method) /x HTTP/1.1\r\nHost: example.com\r\n\(lines.map { $0 + "\r\n" }.joined())\r\n".utf8)
    var parser = RequestHeadParser(limits: HeadLimits())
    var head = RequestHead()
    return try request.withUnsafeBytes { bytes in
        guard case .complete = parser.parse(bytes, into: &head) else {
            throw Unparsable(request: String(decoding: request, as: UTF8.self))
        }
        return try written(FileAnswer.plan(file, head, bytes) { boundary })
    }
}

struct Unparsable: Error { var request: String }

func written(_ answer: FileAnswer) throws -> Answered {
    let head = [UInt8](unsafeUninitializedCapacity: FileAnswer.largestHead) { memory, count in
        var writer = ByteWriter(UnsafeMutableRawBufferPointer(memory))
        answer.writeHead(to: &writer)
        #expect(!writer.overflowed)
        count = writer.count
    }
    let content = Array(try text(answer.file).utf8)
    let body: [UInt8]? =
        switch answer.body {
        case .none: nil
        case .file(let range): Array(content[range])
        case .pieces(let pieces):
            pieces.flatMap { piece in
                switch piece {
                case .bytes(let bytes): bytes
                case .file(let range): Array(content[range])
                }
            }
        }
    if let body { #expect(body.count == answer.contentLength) }
    return Answered(
        status: answer.status, head: String(decoding: head, as: UTF8.self),
        body: body.map { String(decoding: $0, as: UTF8.self) })
}
