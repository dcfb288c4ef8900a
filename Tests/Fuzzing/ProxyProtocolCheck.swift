internal import Glibc
internal import HTTP1

/// However a PROXY protocol header is cut up, it is the same; what is accepted is what a plain reading of the text finds, with
/// the C library's own reading of addresses.
struct ProxyProtocolCheck {
    private let memory = GuardedMemory()

    func run(_ input: UnsafeRawBufferPointer) throws(Finding) {
        var random = SeededGenerator(of: input)
        let result = ProxyProtocol.parse(memory.place(input))
        let cut = random.below(input.count + 1)
        for stops in [Array(0...input.count), [cut, input.count]] {
            let pieces = inPieces(input, stops)
            try require(pieces == result, "in pieces it is \(pieces), whole \(result)")
        }
        guard case .header(let header) = result else { return }
        try require(header.length > 0 && header.length <= min(input.count, ProxyProtocol.limit), "a wrong length")
        for range in [header.authority, header.uniqueID] {
            try require(Int(range.end) <= header.length && range.start <= range.end, "a range outside the header")
        }
        let bytes = UnsafeRawBufferPointer(rebasing: input[..<header.length])
        let plain = bytes[0] == 13 ? Self.binary(bytes) : Self.line(bytes)
        try require(plain == header.origin, "it is \(header.origin), by a plain reading \(String(describing: plain))")
    }

    private func inPieces(_ input: UnsafeRawBufferPointer, _ stops: [Int]) -> ProxyResult {
        for stop in stops {
            let bytes = UnsafeRawBufferPointer(rebasing: input[..<stop])
            let result = ProxyProtocol.parse(stops.count < 3 ? memory.place(bytes) : bytes)
            if result != .needMore { return result }
        }
        return .needMore
    }

    private static func line(_ bytes: UnsafeRawBufferPointer) -> ProxyOrigin? {
        guard bytes.count <= 107, bytes.suffix(2).elementsEqual([13, 10]) else { return nil }
        let words = bytes.dropLast(2).split(separator: 32, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        guard words.count > 1, words[0] == "PROXY" else { return nil }
        if words[1] == "UNKNOWN" { return .unknown }
        let families = ["TCP4": AF_INET, "TCP6": AF_INET6]
        guard words.count == 6, let family = families[words[1]], let source = address(words[2], family),
            let destination = address(words[3], family), let port = UInt16(words[4]), String(port) == words[4],
            let other = UInt16(words[5]), String(other) == words[5]
        else { return nil }
        return .client(source, port: port, destination: destination, destinationPort: other)
    }

    private static func address(_ text: String, _ family: Int32) -> IPAddress? {
        var bytes = [UInt8](repeating: 0, count: family == AF_INET ? 4 : 16)
        guard inet_pton(family, text, &bytes) == 1 else { return nil }
        return bytes.withUnsafeBytes { IPAddress(networkOrder: $0) }
    }

    private static func binary(_ bytes: UnsafeRawBufferPointer) -> ProxyOrigin? {
        guard bytes.starts(with: "\r\n\r\n\0\r\nQUIT\n".utf8), bytes.count >= 16 else { return nil }
        guard (Int(bytes[14]) << 8 | Int(bytes[15])) + 16 == bytes.count else { return nil }
        if bytes[12] == 0x20 { return .local }
        guard bytes[12] == 0x21 else { return nil }
        switch bytes[13] {
        case 0x11, 0x21:
            let size = bytes[13] == 0x11 ? 4 : 16
            guard bytes.count >= 16 + 2 * size + 4 else { return nil }
            func part(_ start: Int) -> UnsafeRawBufferPointer {
                UnsafeRawBufferPointer(rebasing: bytes[start..<(start + size)])
            }
            func port(_ start: Int) -> UInt16 { UInt16(bytes[start]) << 8 | UInt16(bytes[start + 1]) }
            guard let source = IPAddress(networkOrder: part(16)),
                let destination = IPAddress(networkOrder: part(16 + size))
            else { return nil }
            let ports = 16 + 2 * size
            return .client(
                source, port: port(ports), destination: destination, destinationPort: port(ports + 2))
        case 0x31: return bytes.count >= 16 + 216 ? .unixClient : nil
        default: return .unknown
        }
    }
}
