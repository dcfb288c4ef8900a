import AccessLog
import Glibc
import Linux
import Model
import Synchronization
import Testing

/// A directory that is removed with what is in it.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/access-log-XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    deinit {
        let descriptor = try? openFile("/tmp", flags: O_RDONLY | O_DIRECTORY)
        if let descriptor { removeTree(descriptor.number, String(path.dropFirst(5))) }
    }

    func file(_ name: String) -> String { path + "/" + name }

    func lines(_ name: String) throws -> [String] {
        let text = String(decoding: try readFile(file(name), limit: 64 << 20), as: UTF8.self)
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }
}

/// Events of a writer, in order; a test waits for one instead of for time.
final class Events: Sendable {
    private let events = Mutex<[AccessLogEvent]>([])
    private let arrived: Pipe

    init() throws { arrived = try Pipe(nonBlockingReader: false) }

    func add(_ event: AccessLogEvent) {
        events.withLock { $0.append(event) }
        _ = write(arrived.writer.number, "e", 1)
    }

    var all: [AccessLogEvent] { events.withLock { $0 } }

    /// False when nothing came for thirty seconds.
    func wait(for condition: (AccessLogEvent) -> Bool) -> Bool {
        while !all.contains(where: condition) {
            var one = pollfd(fd: arrived.reader.number, events: Int16(POLLIN), revents: 0)
            guard poll(&one, 1, 30_000) > 0 else { return false }
            _ = try? readSome(arrived.reader.number, limit: 1)
        }
        return true
    }
}

/// A batch of numbered lines of 100 bytes.
func batch(_ numbers: Range<Int>, name: String = "line") -> [UInt8] {
    var text = ""
    for number in numbers {
        let start = "\(name) \(number) "
        text += start + String(repeating: "x", count: max(0, 99 - start.utf8.count)) + "\n"
    }
    return Array(text.utf8)
}

/// A record whose texts live as long as `body` runs.
func withRecord<Result>(
    _ texts: [WritableKeyPath<AccessRecord, UnsafeRawBufferPointer>: [UInt8]],
    _ change: (inout AccessRecord) -> Void = { _ in }, _ body: (AccessRecord) -> Result
) -> Result {
    var record = AccessRecord()
    var memory: [UnsafeMutableRawBufferPointer] = []
    defer { for part in memory { part.deallocate() } }
    for (path, bytes) in texts {
        let part = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        part.copyBytes(from: bytes)
        memory.append(part)
        record[keyPath: path] = UnsafeRawBufferPointer(part)
    }
    change(&record)
    return body(record)
}

func line(
    _ format: AccessLogFormat, _ texts: [WritableKeyPath<AccessRecord, UnsafeRawBufferPointer>: [UInt8]],
    _ change: (inout AccessRecord) -> Void = { _ in }
) -> String {
    withRecord(texts, change) { record in
        var encoder = LineEncoder(format: format)
        encoder.append(record)
        return String(decoding: encoder.bytes, as: UTF8.self)
    }
}
