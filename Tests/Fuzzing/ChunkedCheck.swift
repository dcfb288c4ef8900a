internal import HTTP1

/// Decoder and scanner agree, whatever the pieces, and both with a plain reading of the grammar.
struct ChunkedCheck {
    private let memory = GuardedMemory()

    private enum Verdict: Equatable {
        case incomplete
        case rejected(ChunkRejection)
        case body([UInt8], trailer: [UInt8], length: Int)
    }

    mutating func run(_ input: UnsafeRawBufferPointer) throws(Finding) {
        var random = SeededGenerator(of: input)
        let limits = random.below(4) == 0 ? ChunkLimits(extensions: 12, trailers: 24) : ChunkLimits()
        let whole = try decode(input, pieces: [input.count], limits)
        let cut = random.below(input.count + 1)
        let pieces = [cut, cut + random.below(input.count - cut + 1), input.count]
        for stops in [pieces, Array(0...input.count)] {
            let other = try decode(input, pieces: stops, limits)
            try require(other == whole, "in pieces it is \(other), whole \(whole)")
            try scan(input, pieces: stops, limits, whole)
        }
        try comparePlain(whole, PlainChunks(limits: limits).read(input))
        if case .body(let body, _, _) = whole { try encodeAgain(body, &random) }
    }

    private func decode(
        _ input: UnsafeRawBufferPointer, pieces: [Int], _ limits: ChunkLimits
    ) throws(Finding) -> Verdict {
        var decoder = ChunkedDecoder(limits: limits)
        var body: [UInt8] = []
        var trailer: [UInt8] = []
        var start = 0
        for stop in pieces {
            let piece = memory.place(UnsafeRawBufferPointer(rebasing: input[start..<stop]))
            var offset = 0
            events: while true {
                let before = offset
                switch decoder.next(piece, at: &offset) {
                case .data(let range):
                    try require(range.start == before || !range.isEmpty, "an empty piece of data")
                    body += range.of(piece)
                case .trailer(let range): trailer += range.of(piece)
                case .needMore:
                    try require(offset == piece.count, "more is needed, but not all was used")
                    break events
                case .end: return .body(body, trailer: trailer, length: start + offset)
                case .rejected(let reason): return .rejected(reason)
                }
            }
            start = stop
        }
        return .incomplete
    }

    private func scan(
        _ input: UnsafeRawBufferPointer, pieces: [Int], _ limits: ChunkLimits, _ expected: Verdict
    ) throws(Finding) {
        var scanner = ChunkedScanner(limits: limits)
        var start = 0
        for stop in pieces {
            switch scanner.scan(memory.place(UnsafeRawBufferPointer(rebasing: input[start..<stop]))) {
            case .more: start = stop
            case .rejected(let reason):
                return try require(expected == .rejected(reason), "scanned \(reason), decoded \(expected)")
            case .end(let length):
                guard case .body(_, _, start + length) = expected else {
                    throw Finding("scanned an end at \(start + length), decoded \(expected)")
                }
                return
            }
        }
        try require(expected == .incomplete, "scanned no end, decoded \(expected)")
    }

    private func comparePlain(_ ours: Verdict, _ plain: PlainChunks.Verdict) throws(Finding) {
        switch (ours, plain) {
        case (.incomplete, .incomplete), (.rejected, .rejected): return
        case (.body(let body, _, let length), .body(let plainBody, let plainLength)):
            try require(body == plainBody && length == plainLength, "another body than by the grammar")
        default: throw Finding("\(ours) is by the grammar \(plain)")
        }
    }

    private func encodeAgain(_ body: [UInt8], _ random: inout SeededGenerator) throws(Finding) {
        var encoded: [UInt8] = []
        var start = 0
        while start < body.count {
            let end = min(body.count, start + 1 + random.below(body.count))
            var line = [UInt8](repeating: 0, count: ChunkedEncoder.maxHeaderLength)
            let count = line.withUnsafeMutableBytes { room in
                var writer = ByteWriter(room)
                ChunkedEncoder.writeHeader(length: end - start, to: &writer)
                return writer.overflowed ? 0 : writer.count
            }
            encoded += line[..<count] + body[start..<end] + [13, 10]
            start = end
        }
        encoded += Array("0\r\n\r\n".utf8)
        let verdict: Result<Verdict, Finding> = encoded.withUnsafeBytes { bytes in
            do throws(Finding) {
                return .success(try decode(bytes, pieces: [bytes.count], ChunkLimits()))
            } catch { return .failure(error) }
        }
        let again = try verdict.get()
        try require(again == .body(body, trailer: [], length: encoded.count), "encoded again it is \(again)")
    }
}

/// RFC 9112 section 7.1 as one reads it, for bytes that are all there.
private struct PlainChunks {
    enum Verdict: Equatable {
        case incomplete, rejected
        case body([UInt8], length: Int)
    }

    private enum Stop: Error { case incomplete, rejected }

    let limits: ChunkLimits
    private static let forbidden = PlainReading.hopByHop.union(PlainReading.forwarding).union([
        "host", "authorization", "cookie", "set-cookie", "cache-control", "content-type", "content-encoding", "range",
        "location", "status", "x-accel-redirect", "x-sendfile",
    ])

    init(limits: ChunkLimits) { self.limits = limits }

    func read(_ bytes: UnsafeRawBufferPointer) -> Verdict {
        do throws(Stop) {
            return try readBody(bytes)
        } catch {
            return error == .incomplete ? .incomplete : .rejected
        }
    }

    private func readBody(_ bytes: UnsafeRawBufferPointer) throws(Stop) -> Verdict {
        var body: [UInt8] = []
        var at = 0
        var extensions = 0
        while true {
            let size = try readSizeLine(bytes, &at, &extensions)
            if size == 0 { break }
            guard bytes.count - at >= size else { throw .incomplete }
            body += bytes[at..<(at + size)]
            at += size
            try readEnd(bytes, &at)
        }
        try readTrailers(bytes, &at)
        return .body(body, length: at)
    }

    private func byte(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) throws(Stop) -> UInt8 {
        guard at < bytes.count else { throw .incomplete }
        at += 1
        return bytes[at - 1]
    }

    private func readEnd(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) throws(Stop) {
        guard try byte(bytes, &at) == 13 else { throw .rejected }
        guard try byte(bytes, &at) == 10 else { throw .rejected }
    }

    private func readSizeLine(
        _ bytes: UnsafeRawBufferPointer, _ at: inout Int, _ extensions: inout Int
    ) throws(Stop) -> Int {
        var digits = ""
        while at < bytes.count, Character(UnicodeScalar(bytes[at])).isHexDigit, bytes[at] < 128 {
            digits.unicodeScalars.append(UnicodeScalar(bytes[at]))
            at += 1
            guard digits.count <= 16, Int(digits, radix: 16) != nil else { throw .rejected }
        }
        var next = try byte(bytes, &at)
        guard let size = Int(digits, radix: 16) else { throw .rejected }
        while next == UInt8(ascii: ";") {
            try readExtension(bytes, &at, &extensions, &next)
        }
        guard next == 13 else { throw .rejected }
        guard try byte(bytes, &at) == 10 else { throw .rejected }
        return size
    }

    /// `;name`, `;name=token` or `;name="text"`; `next` is the byte after it.
    private func readExtension(
        _ bytes: UnsafeRawBufferPointer, _ at: inout Int, _ extensions: inout Int, _ next: inout UInt8
    ) throws(Stop) {
        func take() throws(Stop) {
            next = try byte(bytes, &at)
            if next != 13 { extensions += 1 }
            guard extensions <= limits.extensions else { throw .rejected }
        }
        func takeToken() throws(Stop) {
            guard PlainReading.isToken(next) else { throw .rejected }
            while PlainReading.isToken(next) { try take() }
        }
        try take()
        try takeToken()
        guard next == UInt8(ascii: "=") else { return }
        try take()
        guard next == UInt8(ascii: "\"") else { return try takeToken() }
        repeat {
            try take()
            if next == UInt8(ascii: "\\") {
                try take()
                guard PlainReading.isClean([next]) else { throw .rejected }
                next = 0
            } else if !PlainReading.isClean([next]) {
                throw .rejected
            }
        } while next != UInt8(ascii: "\"")
        try take()
    }

    private func readTrailers(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) throws(Stop) {
        var count = 0
        func next() throws(Stop) -> UInt8 {
            let value = try byte(bytes, &at)
            count += 1
            return value
        }
        while true {
            var name: [UInt8] = []
            var byte = try next()
            if byte == 13, name.isEmpty {
                guard try self.byte(bytes, &at) == 10 else { throw .rejected }
                return
            }
            while true {
                guard count <= limits.trailers else { throw .rejected }
                if byte == UInt8(ascii: ":"), !name.isEmpty { break }
                guard PlainReading.isToken(byte) else { throw .rejected }
                name.append(byte)
                byte = try next()
            }
            guard !Self.forbidden.contains(PlainReading.lower(name)) else { throw .rejected }
            repeat {
                byte = try next()
                guard count <= limits.trailers, byte == 13 || PlainReading.isClean([byte]) else { throw .rejected }
            } while byte != 13
            guard try next() == 10, count <= limits.trailers else { throw .rejected }
        }
    }
}
