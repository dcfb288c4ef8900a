import CZlib
import Compression
import HTTP1

func withRequest<Result>(_ text: String, _ body: (RequestHead, UnsafeRawBufferPointer) -> Result) -> Result {
    var parser = RequestHeadParser()
    var head = RequestHead()
    return Array(text.utf8).withUnsafeBytes { bytes in
        guard case .complete = parser.parse(bytes, into: &head) else { fatalError("not a request: \(text)") }
        return body(head, bytes)
    }
}

func withAnswer<Result>(
    _ text: String, method: Method = .get, _ body: (ResponseHead, UnsafeRawBufferPointer) -> Result
) -> Result {
    var parser = ResponseHeadParser()
    var head = ResponseHead()
    return Array(text.utf8).withUnsafeBytes { bytes in
        guard case .complete = parser.parse(bytes, requestMethod: method, into: &head) else {
            fatalError("not a response: \(text)")
        }
        return body(head, bytes)
    }
}

extension GzipStream {
    /// What comes out.
    func compressed(_ input: [UInt8], _ flush: GzipFlush) throws -> [UInt8] {
        var output: [UInt8] = []
        try input.withUnsafeBytes { bytes in try compress(bytes, flush: flush) { output.append(contentsOf: $0) } }
        return output
    }
}

/// What can be made of the bytes so far, and whether they end. Nil when they are not gzip.
func gunzip(_ bytes: [UInt8]) -> (output: [UInt8], isComplete: Bool)? {
    var stream = z_stream()
    guard passenger_inflate_init_gzip(&stream) == Z_OK else { return nil }
    defer { inflateEnd(&stream) }
    var output: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 1 << 16)
    var input = bytes
    return input.withUnsafeMutableBufferPointer { input in
        stream.next_in = input.baseAddress
        stream.avail_in = UInt32(input.count)
        while true {
            let (result, count) = part.withUnsafeMutableBufferPointer { room in
                stream.next_out = room.baseAddress
                stream.avail_out = UInt32(room.count)
                return (inflate(&stream, Z_NO_FLUSH), room.count - Int(stream.avail_out))
            }
            output.append(contentsOf: part[..<count])
            if result == Z_STREAM_END { return stream.avail_in == 0 ? (output, true) : nil }
            if result == Z_BUF_ERROR { return (output, false) }
            if result != Z_OK { return nil }
        }
    }
}

struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
