package import Model

/// Turns records into lines.
package struct LineEncoder {
    private let format: AccessLogFormat
    private var time = LogTime()
    private var writer = LineWriter()

    package init(format: AccessLogFormat) { self.format = format }

    /// The lines so far.
    package var bytes: [UInt8] { writer.bytes }
    package var count: Int { writer.bytes.count }

    /// Appends one line. With the format `off` nothing happens.
    package mutating func append(_ record: AccessRecord) {
        switch format {
        case .off: return
        case .text: appendText(record)
        case .json: appendJSON(record)
        }
        writer.append("\n")
    }

    /// Takes the lines out; room for as many is kept ready.
    package mutating func take(reserving capacity: Int) -> [UInt8] {
        var taken: [UInt8] = []
        taken.reserveCapacity(capacity)
        swap(&taken, &writer.bytes)
        return taken
    }

    /// `192.0.2.7 - - [25/Nov/2026:17:24:44 +0000] "GET / HTTP/1.1" 200 12 "referer" "user agent"`: Apache's and nginx'
    /// combined form, in nginx' escaping.
    private mutating func appendText(_ record: AccessRecord) {
        time.set(LineEncoder.second(record.arrived))
        orDash(record.peer)
        writer.append(" - - [")
        time.text.withUnsafeBytes { writer.append($0) }
        writer.append("] \"")
        if record.method.isEmpty {
            writer.append("-")
        } else {
            writer.append(escaped: record.method)
            writer.append(" ")
            url(record.target) { $0.append(escaped: $1) }
            writer.append(" ")
            writer.append(record.version.text)
        }
        writer.append("\" ")
        writer.append(decimal: Int64(record.status == 0 ? 499 : record.status))
        writer.append(" ")
        writer.append(decimal: Int64(record.bodyBytes))
        writer.append(" \"")
        if record.referer.isEmpty { writer.append("-") } else { url(record.referer) { $0.append(escaped: $1) } }
        writer.append("\" \"")
        orDash(record.userAgent)
        writer.append("\"")
    }

    private mutating func orDash(_ text: UnsafeRawBufferPointer) {
        if text.isEmpty { writer.append("-") } else { writer.append(escaped: text) }
    }

    /// One object a line. Times in seconds.
    private mutating func appendJSON(_ record: AccessRecord) {
        let second = LineEncoder.second(record.arrived)
        time.set(second)
        writer.append("{\"time\":\"")
        time.iso.withUnsafeBytes { writer.append($0) }
        writer.append(".")
        writer.append((record.arrived - second * 1_000_000) / 1000, digits: 3)
        writer.append("Z\"")
        string(",\"peer\":\"", record.peer)
        string(",\"method\":\"", record.method)
        string(",\"host\":\"", record.host)
        if !record.target.isEmpty {
            writer.append(",\"target\":\"")
            url(record.target) { $0.append(json: $1) }
            writer.append("\"")
        }
        writer.append(",\"protocol\":\"")
        writer.append(record.version.text)
        writer.append("\",\"status\":")
        writer.append(decimal: Int64(record.status))
        writer.append(",\"bytes\":")
        writer.append(decimal: Int64(record.bodyBytes))
        if !record.referer.isEmpty {
            writer.append(",\"referer\":\"")
            url(record.referer) { $0.append(json: $1) }
            writer.append("\"")
        }
        string(",\"user_agent\":\"", record.userAgent)
        string(",\"request_id\":\"", record.requestID)
        seconds(",\"duration\":", record.duration)
        seconds(",\"queue_time\":", record.queueTime)
        seconds(",\"worker_time\":", record.workerTime)
        if let app = record.app {
            var name = app.rawValue
            name.withUTF8 { string(",\"app\":\"", UnsafeRawBufferPointer($0)) }
        }
        number(",\"generation\":", record.generation?.rawValue)
        number(",\"worker\":", record.worker?.rawValue)
        writer.append(",\"source\":\"")
        writer.append(record.source.text)
        writer.append("\"}")
    }

    private mutating func string(_ key: StaticString, _ text: UnsafeRawBufferPointer) {
        guard !text.isEmpty else { return }
        writer.append(key)
        writer.append(json: text)
        writer.append("\"")
    }

    private mutating func seconds(_ key: StaticString, _ nanoseconds: Int64?) {
        guard let nanoseconds else { return }
        writer.append(key)
        writer.append(secondsOf: nanoseconds)
    }

    private mutating func number(_ key: StaticString, _ value: UInt32?) {
        guard let value else { return }
        writer.append(key)
        writer.append(decimal: Int64(value))
    }

    private mutating func url(
        _ text: UnsafeRawBufferPointer, _ append: (inout LineWriter, UnsafeRawBufferPointer) -> Void
    ) {
        SecretParameters.forEachPart(text) { part in
            if let part { append(&writer, part) } else { writer.append(SecretParameters.replacement) }
        }
    }

    private static func second(_ microseconds: Int64) -> Int64 {
        microseconds / 1_000_000 - (microseconds % 1_000_000 < 0 ? 1 : 0)
    }
}

extension LineEncoder {
    /// What stands in the log where lines are missing: a comment, or an object of its own.
    static func note(dropped: Int, format: AccessLogFormat) -> [UInt8] {
        switch format {
        case .off: []
        case .text: Array("# \(dropped) lines were dropped here\n".utf8)
        case .json: Array("{\"dropped_lines\":\(dropped)}\n".utf8)
        }
    }
}
