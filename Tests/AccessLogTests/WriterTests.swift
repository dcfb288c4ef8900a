import AccessLog
import Glibc
import Linux
import Model
import Testing

@Suite(.timeLimit(.minutes(5))) struct WriterTests {
    @Test("what is submitted is in the file when the log is closed, in order")
    func order() throws {
        let directory = try TemporaryDirectory()
        let writer = try AccessLogWriter(.file(directory.file("log")), format: .text)
        for number in 0..<50 { writer.submit(batch((number * 10)..<(number * 10 + 10)), lines: 10) }
        #expect(writer.close(within: .seconds(10)))
        let lines = try directory.lines("log")
        #expect(lines.count == 500)
        for (number, line) in lines.enumerated() { #expect(line.hasPrefix("line \(number) ")) }
        #expect(writer.droppedLines == 0 && writer.pendingBytes == 0)
        var facts = stat()
        #expect(stat(directory.file("log"), &facts) == 0 && facts.st_mode & 0o137 == 0)
        writer.submit(batch(0..<3), lines: 3)
        #expect(writer.droppedLines == 3)
    }

    @Test("the loop's buffer hands over by size and by age")
    func buffer() throws {
        let directory = try TemporaryDirectory()
        let writer = try AccessLogWriter(.file(directory.file("log")), format: .json)
        var buffer = AccessLogBuffer(writer: writer)
        let start = Instant(nanoseconds: 5)
        #expect(buffer.deadline == nil)
        buffer.log(AccessRecord(), now: start)
        #expect(buffer.deadline == start + .milliseconds(100))
        buffer.log(AccessRecord(), now: start + .milliseconds(99))
        #expect(buffer.deadline != nil)
        buffer.log(AccessRecord(), now: start + .milliseconds(100))
        #expect(buffer.deadline == nil)
        var count = 3
        repeat {
            buffer.log(AccessRecord(), now: start)
            count += 1
        } while buffer.deadline != nil
        #expect(count > 400 && count < 1000)
        buffer.log(AccessRecord(), now: start)
        buffer.flush()
        buffer.flush()
        writer.close(within: .seconds(10))
        #expect(try directory.lines("log").count == count + 1)
    }

    @Test("after the file was moved away and reopened, no line is lost, and each is whole")
    func reopen() async throws {
        let directory = try TemporaryDirectory()
        let events = try Events()
        let writer = try AccessLogWriter(.file(directory.file("log")), format: .text, pendingLimit: 1 << 30) {
            events.add($0)
        }
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<3 {
                group.addTask {
                    for number in 0..<400 {
                        writer.submit(batch(number..<(number + 1), name: "task \(task)"), lines: 1)
                    }
                }
            }
            group.addTask {
                for turn in 0..<5 {
                    rename(directory.file("log"), directory.file("log.\(turn)"))
                    writer.reopen()
                    let wanted = turn + 1
                    #expect(events.wait { _ in events.all.count { $0 == .reopened } >= wanted })
                }
            }
        }
        #expect(writer.close(within: .seconds(10)))
        var lines: Set<String> = []
        for name in ["log"] + (0..<5).map({ "log.\($0)" }) {
            for line in try directory.lines(name) {
                #expect(line.utf8.count == 99)
                #expect(lines.insert(line).inserted)
            }
        }
        #expect(lines.count == 1200)
    }

    @Test("when the file cannot be reopened the old one stays")
    func failedReopen() throws {
        let directory = try TemporaryDirectory()
        let events = try Events()
        let writer = try AccessLogWriter(.file(directory.file("log")), format: .text) { events.add($0) }
        rename(directory.file("log"), directory.file("old"))
        // A link at the log's place is not followed.
        symlink("/tmp/nowhere", directory.file("log"))
        writer.reopen()
        #expect(events.wait { if case .reopenFailed(let error) = $0 { error.errno == ELOOP } else { false } })
        writer.submit(batch(0..<2), lines: 2)
        #expect(writer.close(within: .seconds(10)))
        #expect(try directory.lines("old").count == 2)
        #expect(throws: SystemError.self) { try AccessLogWriter(.file(directory.file("log")), format: .text) }
        #expect(throws: SystemError.self) { try AccessLogWriter(.file(directory.file("no/log")), format: .text) }
    }

    @Test("a reader that does not read blocks nobody: lines are dropped, counted, and the gap is noted")
    func slowReader() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("fifo")
        try #require(mkfifo(path, 0o600) == 0)
        let events = try Events()
        let writer = try AccessLogWriter(.file(path), format: .json, pendingLimit: 256 << 10) { events.add($0) }
        let clock = ContinuousClock()
        // Far more than the pipe and the queue hold.
        let longest = (0..<200).map { turn in
            let lines = batch((turn * 100)..<(turn * 100 + 100))
            return clock.measure { writer.submit(lines, lines: 100) }
        }.max()
        // Nobody reads yet: whoever waited for that would wait for ever.
        #expect(longest! < .seconds(10))
        #expect(writer.droppedLines > 10_000)
        #expect(writer.pendingBytes <= 256 << 10)
        #expect(events.wait { $0 == .dropping })
        let dropped = writer.droppedLines

        let reader = try openFile(path, flags: O_RDONLY | O_NONBLOCK)
        var text: [UInt8] = []
        let note = Array("{\"dropped_lines\":\(dropped)}\n".utf8)
        let deadline = clock.now + .seconds(20)
        while !text.ends(with: note), text.count < 4 << 20, clock.now < deadline {
            // Empty before the writer has opened its end, EAGAIN when it has written nothing since.
            guard let bytes = try? readSome(reader.number, limit: 64 << 10), !bytes.isEmpty else {
                usleep(1000)
                continue
            }
            text += bytes
        }
        let lines = text.split(separator: UInt8(ascii: "\n"))
        #expect(lines.count - 1 + dropped == 20_000)
        #expect(lines.dropLast().allSatisfy { $0.count == 99 })
        #expect(events.wait { $0 == .noted(dropped: dropped) })
        #expect(writer.close(within: .seconds(10)))
    }

    @Test("closing gives up in time when nobody reads")
    func closeDeadline() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("fifo")
        try #require(mkfifo(path, 0o600) == 0)
        let writer = try AccessLogWriter(.file(path), format: .text)
        for turn in 0..<20 { writer.submit(batch((turn * 100)..<(turn * 100 + 100)), lines: 100) }
        #expect(!writer.close(within: .milliseconds(50)))
        #expect(writer.droppedLines > 0)
    }

    @Test("a cut line begins anew in the file that was reopened")
    func reopenStuckFIFO() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("log")
        try #require(mkfifo(path, 0o600) == 0)
        let events = try Events()
        let writer = try AccessLogWriter(.file(path), format: .text) { events.add($0) }
        // Larger than a pipe: the writer waits in the middle of it.
        writer.submit(batch(0..<2000), lines: 2000)
        let reader = try openFile(path, flags: O_RDONLY | O_NONBLOCK)
        var one = pollfd(fd: reader.number, events: Int16(POLLIN), revents: 0)
        #expect(poll(&one, 1, 10_000) == 1)
        rename(path, directory.file("fifo"))
        writer.reopen()
        #expect(events.wait { $0 == .reopened })
        #expect(writer.close(within: .seconds(10)))
        var text: [UInt8] = []
        while let some = try? readSome(reader.number, limit: 64 << 10), !some.isEmpty { text += some }
        let whole = text.count / 100
        let lines = try directory.lines("log")
        #expect(lines.count + whole == 2000)
        #expect(lines.first?.hasPrefix("line \(whole) ") == true)
    }

    @Test("a full disk is counted, and tried again with every batch")
    func fullDevice() throws {
        let events = try Events()
        let writer = try AccessLogWriter(.file("/dev/full"), format: .text) { events.add($0) }
        for _ in 0..<3 { writer.submit(batch(0..<10), lines: 10) }
        #expect(events.wait { if case .writeFailed(let error) = $0 { error.errno == ENOSPC } else { false } })
        writer.close(within: .seconds(10))
        #expect(writer.droppedLines == 30)
        #expect(events.all.count == 1)
    }

    @Test("once there is room again the lines go on, whole, after a note", .enabled(if: getuid() == 0))
    func fullFileSystem() throws {
        let directory = try TemporaryDirectory()
        let disk = directory.file("disk")
        try #require(mkdir(disk, 0o700) == 0)
        try #require(run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk) == 0)
        defer { _ = run("umount", "-l", disk) }
        let events = try Events()
        let writer = try AccessLogWriter(.file(disk + "/log"), format: .text) { events.add($0) }
        writer.submit(batch(0..<1000), lines: 1000)
        #expect(events.wait { if case .writeFailed(let error) = $0 { error.errno == ENOSPC } else { false } })
        #expect(truncate(disk + "/log", 10_050) == 0)
        writer.submit(batch(1000..<1010), lines: 10)
        #expect(writer.close(within: .seconds(10)))
        let dropped = writer.droppedLines
        #expect(dropped == 1000 - (64 << 10) / 100)
        #expect(events.all.last == .noted(dropped: dropped))
        let lines = try directory.lines("disk/log")
        #expect(lines.count == 100 + 1 + 1 + 10)
        #expect(lines[101] == "# \(dropped) lines were dropped here")
        #expect(lines[102].hasPrefix("line 1000 ") && lines[111].hasPrefix("line 1009 "))
    }

    @Test("a descriptor that others share is written too, and not reopened")
    func inherited() throws {
        let pipe = try Pipe(nonBlockingReader: false)
        let writer = try AccessLogWriter(.inherited(pipe.writer.number), format: .text)
        writer.reopen()
        writer.submit(batch(0..<100), lines: 100)
        var text: [UInt8] = []
        while text.count < 10_000 { text += try readSome(pipe.reader.number, limit: 4096) }
        #expect(text == batch(0..<100))
        #expect(fcntl(pipe.writer.number, F_GETFL) & O_NONBLOCK == 0)
        #expect(writer.close(within: .seconds(10)))
        #expect(AccessLogTarget(path: "/dev/stdout") == .inherited(1))
    }

    private func run(_ words: String...) -> Int32 {
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid = pid_t()
        guard posix_spawnp(&pid, words[0], nil, nil, &arguments, environ) == 0 else { return -1 }
        var status: Int32 = -1
        waitpid(pid, &status, 0)
        return status
    }
}

extension Array where Element == UInt8 {
    fileprivate func ends(with other: [UInt8]) -> Bool {
        count >= other.count && self.suffix(other.count) == other[...]
    }
}
