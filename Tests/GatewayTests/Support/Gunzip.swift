import CZlib

/// Nil when the bytes are no whole gzip stream.
func gunzip(_ bytes: [UInt8]) -> [UInt8]? {
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
            if result == Z_STREAM_END { return stream.avail_in == 0 ? output : nil }
            if result != Z_OK { return nil }
        }
    }
}
