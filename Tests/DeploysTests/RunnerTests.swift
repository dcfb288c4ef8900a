import Deploys
import Foundation
import Glibc
import Linux
import Model
import Testing

/// Real commands under a real shell. The runner's loop runs on a thread of the test instead of in its own process.
@Suite(.serialized, .timeLimit(.minutes(5))) struct RunnerTests {
    private let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory() }

    private struct Finished {
        var status: Int32
        var record: RunnerRecord?
        var output: [String]
        var live: String
    }

    private func run(
        _ command: String, timeout: Duration = .seconds(30), environment: [String: String] = [:],
        in place: String? = nil, follows: Bool = true, recordIn recordPlace: String? = nil
    ) async throws -> Finished {
        let order = RunnerCommand(
            command: command, directory: place ?? directory.path, environment: environment, timeout: timeout)
        let input = try makeMemoryFile(name: "order", contents: [UInt8](JSONEncoder().encode(order)))
        let path = (recordPlace ?? directory.path) + "/record"
        let record = try openFile(path, flags: O_WRONLY | O_CREAT | O_APPEND)
        let livePath = directory.path + "/live"
        mkfifo(livePath, 0o600)
        let reader = try openFile(livePath, flags: O_RDONLY | O_NONBLOCK)
        let live = try openFile(livePath, flags: O_WRONLY)
        let readerNumber = reader.release()
        if !follows { close(readerNumber) }
        let (inputNumber, recordNumber, liveNumber) = (input.number, record.number, live.number)
        let status = await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(
                    returning: RunnerProcess.run(input: inputNumber, live: liveNumber, record: recordNumber))
            }
        }
        // Nothing to read is EAGAIN or the end: both are no text.
        let text = follows ? (try? readSome(readerNumber, limit: 1 << 20)) ?? [] : []
        if follows { close(readerNumber) }
        let bytes = try readFile(path, limit: 16 << 20)
        var recorded = RecordedOutput()
        // As whoever reads it while it grows: cut anywhere.
        let output = stride(from: 0, to: bytes.count, by: 777).flatMap {
            recorded.append(Array(bytes[$0..<min($0 + 777, bytes.count)]))
        }
        return Finished(
            status: status, record: RunnerRecord(bytes: bytes), output: output,
            live: String(decoding: text, as: UTF8.self))
    }

    @Test func `a command's output, environment, directory and end are recorded`() async throws {
        let done = try await run("echo one; echo two >&2; echo $WORD; pwd", environment: ["WORD": "three"])
        #expect(done.status == 0)
        #expect(done.record?.end == .ended(.exited(0)))
        #expect(done.output == ["one", "two", "three", directory.path])
        #expect(done.live == "one\ntwo\nthree\n\(directory.path)\n")
    }

    @Test func `a status, a signal and a missing directory are told apart`() async throws {
        #expect(try await run("exit 7").record?.end == .ended(.exited(7)))
        #expect(try await run("kill -9 $$").record?.end == .ended(.signalled(9, dumpedCore: false)))
        let lost = try await run("echo never", in: "/does/not/exist")
        #expect(lost.record?.end == .ended(.exited(2)))
        #expect(lost.output.last?.contains("/does/not/exist") == true)
    }

    @Test func `a command over its time limit is ended with all its children`() async throws {
        let done = try await run("sleep 1000 & echo $!; wait", timeout: .seconds(2))
        #expect(done.record?.end == .timedOut)
        let child = try #require(done.output.first.flatMap { Int32($0) })
        // Killed, it may need a moment to be gone.
        for _ in 0..<1000 where isRunning(child) { try await Task.sleep(for: .milliseconds(20)) }
        #expect(!isRunning(child))
    }

    @Test func `without a reader the command goes on, and its record is whole`() async throws {
        let done = try await run("for i in $(seq 2000); do echo line $i; done", follows: false)
        #expect(done.record?.end == .ended(.exited(0)))
        #expect(done.output.last == "line 2000")
    }

    @Test func `a reader that does not read holds nothing up`() async throws {
        let done = try await run("head -c 3000000 /dev/zero | tr '\\0' 'x' | fold -w 1000; echo; echo end")
        #expect(done.record?.end == .ended(.exited(0)))
        #expect(done.output.last == "end")
    }

    @Test func `lines without an end, carriage returns and bytes that are no text survive`() async throws {
        let done = try await run(#"printf 'a\rb\r\n\nc\377d'"#)
        #expect(done.output == ["a", "b", "", "c\u{FFFD}d"])
    }

    @Test func `a daemon left behind by an orderly command does not hold the end back`() async throws {
        let done = try await run("sleep 1000 & echo $!")
        #expect(done.record?.end == .ended(.exited(0)))
        let daemon = try #require(done.output.first.flatMap { Int32($0) })
        #expect(isRunning(daemon))
        kill(daemon, SIGKILL)
    }

    @Test func `however much a command says, and however little a line, its record can be read to its end`()
        async throws
    {
        let done = try await run(
            "head -c 1000000 /dev/zero | tr '\\0' '\\n'; head -c 4000000 /dev/zero | tr '\\0' '\\1'",
            timeout: .seconds(120))
        #expect(done.record?.end == .ended(.exited(0)))
        #expect(done.output.last == "[… output was cut]")
    }

    @Test func `what cannot be noted down is not run`() async throws {
        let order = RunnerCommand(
            command: "touch \(directory.path)/ran", directory: directory.path, environment: [:], timeout: .seconds(9))
        let input = try makeMemoryFile(name: "order", contents: [UInt8](JSONEncoder().encode(order)))
        let null = try openFile("/dev/null", flags: O_RDWR)
        let full = try openFile("/dev/full", flags: O_WRONLY)
        #expect(RunnerProcess.run(input: input.number, live: null.number, record: full.number) == 1)
        #expect(access("\(directory.path)/ran", F_OK) != 0)
    }

    /// A tmpfs of a megabyte.
    private func onSmallDisk(_ body: (_ disk: String) async throws -> Void) async throws {
        let disk = directory.path + "/disk"
        mkdir(disk, 0o755)
        #expect(mount("tmpfs", disk, "tmpfs", 0, "size=1m") == 0)
        defer { umount2(disk, Int32(MNT_DETACH)) }
        try await body(disk)
    }

    @Test(.enabled(if: geteuid() == 0, "only root may mount a small disk"))
    func `an end that there is no room for takes that of the output`() async throws {
        try await onSmallDisk { disk in
            let command = "seq 3000; dd if=/dev/zero of=\(disk)/filler bs=4k 2>/dev/null; seq 3000; exit 7"
            let done = try await run(command, recordIn: disk)
            #expect(done.status == 0)
            #expect(done.record?.end == .ended(.exited(7)))
            #expect(done.output == ["[… output was cut]"])
        }
    }

    @Test func `a record without an end is unknown, and torn or doubled records are read`() {
        let started = { (pid: Int) in
            #"{"started":{"runner":\#(pid),"runnerStartTime":1,"command":"x"}}"#
        }
        func end(_ text: String) -> RecordedEnd? { RunnerRecord(bytes: Array(text.utf8))?.end }
        #expect(RunnerRecord(bytes: []) == nil)
        #expect(RunnerRecord(bytes: Array("garbage\n".utf8)) == nil)
        #expect(end(started(5) + "\n") == .unknown)
        #expect(end(started(5) + "\n" + #"{"ended":{"_0":{"timedOut"#) == .unknown)
        #expect(end(started(5) + "\n" + #"{"ended":{"_0":{"timedOut":{}}}}"# + "\n") == .timedOut)
        #expect(end(started(5) + "\n" + #"{"ended":{"_0":{"timedOut":{}}}}"# + "\n" + started(6)) == .unknown)
    }

    /// A zombie that nobody has reaped yet does not run.
    private func isRunning(_ pid: Int32) -> Bool {
        guard let stat = try? readFile("/proc/\(pid)/stat") else { return false }
        return String(decoding: stat, as: UTF8.self).contains(") Z ") == false
    }
}
