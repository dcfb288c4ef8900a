/// The server name in the first bytes of a TLS connection. Only to choose a certificate: BoringSSL reads the same bytes again
/// and judges them, so what is malformed here means "no name" and nothing worse.
package enum ClientHello: Equatable, Sendable {
    case needMore
    /// Nil: none was sent, or what came is no ClientHello.
    case serverName(String?)

    /// A hello that says it is longer is not waited for. Large ones (post-quantum key shares, tickets) have 2 to 6 KiB.
    package static let longest = 32 << 10

    /// `bytes`: all that came so far.
    package static func parse(_ bytes: UnsafeRawBufferPointer) -> ClientHello {
        switch handshakeMessage(bytes) {
        case .needMore: .needMore
        case .malformed: .serverName(nil)
        case .whole(let range): .serverName(name(UnsafeRawBufferPointer(rebasing: bytes[range])))
        case .fragments(let message): .serverName(message.withUnsafeBytes(name))
        }
    }

    private enum Message {
        case needMore
        case malformed
        /// In one record, as nearly always.
        case whole(Range<Int>)
        /// Joined from several.
        case fragments([UInt8])
    }

    /// RFC 8446 section 5.1: records of type 22 with a two-byte length, and in them messages of type 1 with a three-byte one.
    private static func handshakeMessage(_ bytes: UnsafeRawBufferPointer) -> Message {
        var joined: [UInt8] = []
        var start = 0
        while true {
            let rest = bytes.count - start
            guard rest >= 1 else { return .needMore }
            guard bytes[start] == 22, rest < 2 || bytes[start + 1] == 3 else { return .malformed }
            guard rest >= 5 else { return .needMore }
            let length = Int(bytes[start + 3]) << 8 | Int(bytes[start + 4])
            guard length > 0, length <= 1 << 14 else { return .malformed }
            guard rest >= 5 + length else { return .needMore }
            let body = (start + 5)..<(start + 5 + length)
            if joined.isEmpty, let wanted = messageLength(bytes[body]) {
                guard wanted > 4, wanted <= longest else { return .malformed }
                if wanted <= length { return .whole((body.lowerBound + 4)..<(body.lowerBound + wanted)) }
            }
            joined += bytes[body]
            if let wanted = messageLength(joined[...]) {
                guard wanted > 4, wanted <= longest else { return .malformed }
                if joined.count >= wanted { return .fragments(Array(joined[4..<wanted])) }
            }
            start = body.upperBound
        }
    }

    /// With its four bytes of header; 0 for any other message.
    private static func messageLength(_ bytes: some RandomAccessCollection<UInt8>) -> Int? {
        guard bytes.count >= 4 else { return nil }
        let header = Array(bytes.prefix(4))
        guard header[0] == 1 else { return 0 }
        return 4 + (Int(header[1]) << 16 | Int(header[2]) << 8 | Int(header[3]))
    }

    /// RFC 8446 section 4.1.2: version, random, then session, suites and compression, each after its length, then extensions.
    private static func name(_ message: UnsafeRawBufferPointer) -> String? {
        var hello = HelloReader(message)
        guard hello.skip(34), hello.block(lengthSize: 1) != nil, hello.block(lengthSize: 2) != nil,
            hello.block(lengthSize: 1) != nil, var extensions = hello.block(lengthSize: 2)
        else { return nil }
        while let type = extensions.integer(2), var body = extensions.block(lengthSize: 2) {
            guard type == 0 else { continue }
            // RFC 6066 section 3: a list, in which there is at most one name of type 0, and no other type is known.
            guard var list = body.block(lengthSize: 2), list.integer(1) == 0, let name = list.block(lengthSize: 2)
            else {
                return nil
            }
            return hostName(name.rest)
        }
        return nil
    }

    private static func hostName(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard !bytes.isEmpty, bytes.count <= 255, bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}

private struct HelloReader {
    private(set) var rest: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

    mutating func skip(_ count: Int) -> Bool {
        guard rest.count >= count else { return false }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        return true
    }

    mutating func integer(_ size: Int) -> Int? {
        guard rest.count >= size else { return nil }
        let value = rest[..<size].reduce(0) { $0 << 8 | Int($1) }
        return skip(size) ? value : nil
    }

    /// What follows its own length.
    mutating func block(lengthSize: Int) -> HelloReader? {
        guard let length = integer(lengthSize), rest.count >= length else { return nil }
        let block = HelloReader(UnsafeRawBufferPointer(rebasing: rest[..<length]))
        return skip(length) ? block : nil
    }
}
