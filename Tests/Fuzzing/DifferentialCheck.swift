internal import HTTP1
internal import NIOCore
internal import NIOEmbedded
internal import NIOHTTP1

/// What we accept means the same to NIOHTTP1 (llhttp); what we refuse and it accepts is refused for a reason on the list.
package struct DifferentialCheck {
    package struct Tally: Sendable {
        /// Messages that both understand, in the same way.
        package var same = 0
        /// By reason: what only we refuse, what only NIOHTTP1 refuses.
        package var stricter: [String: Int] = [:]
        package var looser: [String: Int] = [:]
    }

    package private(set) var tally = Tally()

    private enum Ours {
        case message(PlainMessage, length: Int)
        case refused(Narrower.Reason)
        /// Not whole, or no HTTP any more after the head.
        case open
    }

    mutating func request(_ input: UnsafeRawBufferPointer) throws(Finding) {
        try compare(ours: ourRequest(input), input, isMeant: Narrower.isMeant(_:request:)) { bytes in
            NIOReading.request(bytes)
        }
    }

    /// The input's first byte stands for the request's method.
    mutating func response(_ input: UnsafeRawBufferPointer) throws(Finding) {
        guard let first = input.first else { return }
        let method = [Method.get, .head, .post][Int(first) % 3]
        let response = UnsafeRawBufferPointer(rebasing: input[1...])
        try compare(ours: ourResponse(response, method), response, isMeant: Narrower.isMeant(_:response:)) { bytes in
            NIOReading.response(bytes, to: [.GET, .HEAD, .POST][Int(first) % 3])
        }
    }

    /// The input is a chunked body.
    mutating func chunked(_ input: UnsafeRawBufferPointer) throws(Finding) {
        let bytes = Array("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8) + Array(input)
        let result: Result<Void, Finding> = bytes.withUnsafeBytes { whole in
            do throws(Finding) {
                return .success(try request(whole))
            } catch { return .failure(error) }
        }
        try result.get()
    }

    private mutating func compare(
        ours: Ours, _ input: UnsafeRawBufferPointer,
        isMeant: (Narrower.Reason, UnsafeRawBufferPointer) -> Bool,
        theirs: (UnsafeRawBufferPointer) -> NIOReading.Verdict
    ) throws(Finding) {
        switch ours {
        case .open: return
        case .message(let message, let length):
            switch theirs(UnsafeRawBufferPointer(rebasing: input[..<length])) {
            case .message(let other):
                try require(other == message, "NIOHTTP1 understands \(other), we \(message)")
                tally.same += 1
            case .incomplete: throw Finding("NIOHTTP1 waits for more than \(message)")
            case .refused(let reason):
                try require(Narrower.theirs.contains(reason), "NIOHTTP1 refuses (\(reason)) what is to us \(message)")
                tally.looser[reason, default: 0] += 1
            }
        case .refused(let reason):
            guard case .message = theirs(input) else { return }
            try require(isMeant(reason, input), "only we refuse: \(reason)")
            tally.stricter["\(reason)", default: 0] += 1
        }
    }

    private func ourRequest(_ input: UnsafeRawBufferPointer) -> Ours {
        var parser = RequestHeadParser()
        var head = RequestHead()
        switch parser.parse(input, into: &head) {
        case .needMore: return .open
        case .rejected(let reason): return .refused(.head(reason))
        case .complete(let length):
            // What follows such a head is not HTTP any more to NIOHTTP1; heads like it are compared in other requests.
            if head.upgrade || head.method == .connect { return .open }
            let message = PlainMessage(
                start: [head.methodRange.string(input), head.target.string(input)],
                minor: Int(head.versionMinor), fields: PlainMessage.fields(head.fields, input))
            let framing: ResponseFraming =
                switch head.body {
                case .none: .none
                case .length(let length): .length(length)
                case .chunked: .chunked
                }
            return withBody(message, framing, input, length)
        }
    }

    private func ourResponse(_ input: UnsafeRawBufferPointer, _ method: Method) -> Ours {
        var parser = ResponseHeadParser()
        var head = ResponseHead()
        switch parser.parse(input, requestMethod: method, into: &head) {
        case .needMore: return .open
        case .rejected(let reason): return .refused(.head(reason))
        case .complete(let length):
            if head.upgrade { return .open }
            let message = PlainMessage(
                start: [String(head.status)], minor: Int(head.versionMinor),
                fields: PlainMessage.fields(head.fields, input))
            return withBody(message, head.framing, input, length)
        }
    }

    private func withBody(
        _ message: PlainMessage, _ framing: ResponseFraming, _ input: UnsafeRawBufferPointer, _ start: Int
    ) -> Ours {
        var message = message
        switch framing {
        case .none: return .message(message, length: start)
        case .untilClose:
            message.body = Array(input[start...])
            return .message(message, length: input.count)
        case .length(let count):
            guard input.count - start >= count else { return .open }
            message.body = Array(input[start..<(start + count)])
            return .message(message, length: start + count)
        case .chunked:
            var decoder = ChunkedDecoder()
            var offset = start
            while true {
                switch decoder.next(input, at: &offset) {
                case .data(let range): message.body += range.of(input)
                case .trailer: continue
                case .needMore: return .open
                case .end: return .message(message, length: offset)
                case .rejected(let reason): return .refused(.chunk(reason))
                }
            }
        }
    }
}

/// A whole message, as either implementation understands it.
struct PlainMessage: Equatable {
    /// Method and target, or the status.
    var start: [String]
    var minor: Int
    var fields: [[String]]
    var body: [UInt8] = []

    static func fields(_ fields: ContiguousArray<HeaderField>, _ bytes: UnsafeRawBufferPointer) -> [[String]] {
        fields.map { [$0.name.string(bytes), $0.value.string(bytes)] }
    }
}
