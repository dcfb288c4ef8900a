internal import NIOHTTP2

/// What one HTTP/2 connection may ask for. Sizes are bytes.
package struct HTTP2Limits: Sendable {
    /// At once; the frame layer ends a connection that has more, and takes 100 before its client knows our settings.
    package var streams = 128
    /// Names, values and 32 for each field (RFC 9113 section 6.5.2): a small block may expand to no more than this.
    package var headerList = 64 << 10
    /// What a client may send of one body before the exchange takes it.
    package var streamWindow = 256 << 10
    /// The same over all bodies of the connection: also what they can take of our memory.
    package var connectionWindow = 1 << 20
    /// Of answers that the client does not take: from here on `isWritable` is false.
    package var streamOutput = 64 << 10
    package var connectionOutput = 1 << 20
    /// Given to TLS without a flush.
    package var unflushed = 256 << 10
    /// Then the connection is drained, and the client opens another.
    package var requests = 10_000
    /// Streams that a client may reset, or have reset for a malformed request, in 30 seconds, when they are also more than
    /// half of those that it opened.
    package var resets = 100

    package init() {}
}

extension HTTP2Limits {
    var connectionConfiguration: NIOHTTP2Handler.ConnectionConfiguration {
        var configuration = NIOHTTP2Handler.ConnectionConfiguration()
        configuration.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: streams),
            HTTP2Setting(parameter: .maxHeaderListSize, value: headerList),
            HTTP2Setting(parameter: .initialWindowSize, value: streamWindow),
        ]
        // Ours are stricter (`RequestFields`, `HTTP2Stream`), and these would be second passes over the same fields.
        configuration.headerBlockValidation = .disabled
        configuration.contentLengthValidation = .disabled
        // Some clients end an upload with an empty frame before the one that ends the stream.
        configuration.maximumSequentialEmptyDataFrames = 8
        // Enough for the largest list in frames of 16 KiB (CVE-2024-27316 and its kin).
        configuration.maximumSequentialContinuationFrames = 5
        // Answers to pings and settings that the client does not read (CVE-2019-9512, CVE-2019-9515).
        configuration.maximumBufferedControlFrames = 1000
        // Per 30 seconds. Old browsers send a priority with each request.
        configuration.controlFrameRateLimit.maximumCount = 400
        return configuration
    }

    /// The last resort behind `ResetLimit`, whatever the share of streams: room for each is kept from the start, so no more
    /// than is needed.
    var streamConfiguration: NIOHTTP2Handler.StreamConfiguration {
        var configuration = NIOHTTP2Handler.StreamConfiguration()
        configuration.streamResetFrameRateLimit.maximumCount = max(400, resets * 2)
        configuration.streamErrorRateLimit.maximumCount = 100
        return configuration
    }
}
