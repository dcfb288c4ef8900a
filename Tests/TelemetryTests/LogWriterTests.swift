import Glibc
import Linux
import Synchronization
import Telemetry
import Testing

struct LogWriterTests {
    @Test func `what waits is written before the descriptor may be closed`() throws {
        let pipe = try Pipe()
        let number = try pipe.writer.duplicate().release()
        let writer = try LogWriter(descriptor: number)
        for line in 0..<100 { writer.write("line \(line)") }
        let ended = Mutex(false)
        let isOver = { ended.withLock { $0 } }
        writer.close {
            Glibc.close(number)
            ended.withLock { $0 = true }
        }
        for _ in 0..<6000 where !isOver() { usleep(5000) }
        #expect(isOver())
        let text = String(decoding: try readSome(pipe.reader.number, limit: 64 << 10), as: UTF8.self)
        #expect(text == (0..<100).map { "line \($0)\n" }.joined())
    }
}
