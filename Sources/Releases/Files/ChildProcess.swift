import Glibc
import Linux
import Model

/// A helper program (ssh, git) with pipes to its standard streams. Ended and waited for when the owner goes.
final class ChildProcess {
    let pid: Int32
    private var input: Descriptor?
    private let output: Descriptor
    private let errors: Descriptor
    private var errorBytes: [UInt8] = []
    private var errorsEnded = false
    private var isWaitedFor = false

    enum Waited { case ready, cancelled, timedOut }

    /// `arguments[0]` is looked up in PATH.
    init(_ arguments: [String], extraEnvironment: [String] = []) throws(BuilderFailure) {
        guard let path = ChildProcess.find(arguments[0]) else {
            throw BuilderFailure(.unreachable, "\(arguments[0]) is not installed, or not in PATH")
        }
        do throws(SystemError) {
            let input = try Pipe(nonBlockingReader: false)
            let output = try Pipe(), errors = try Pipe()
            pid = try spawnProcess(
                path: path, arguments: arguments, environment: ChildProcess.environment() + extraEnvironment,
                moves: [
                    DescriptorMove(source: input.reader.number, target: 0),
                    DescriptorMove(source: output.writer.number, target: 1),
                    DescriptorMove(source: errors.writer.number, target: 2),
                ])
            self.input = try input.writer.duplicate()
            self.output = try output.reader.duplicate()
            self.errors = try errors.reader.duplicate()
        } catch {
            throw .system(error.errno, "start \(arguments[0])")
        }
    }

    /// -1 once closed, which every call refuses.
    private var inputNumber: Int32 {
        switch input {
        case .some(let descriptor): descriptor.number
        case nil: -1
        }
    }

    deinit { stop() }

    /// The child sees the end of its input.
    func closeInput() { input = nil }

    /// Writes all of it. Requests are small against a pipe's 64 KiB, so this hardly ever waits.
    func write(_ bytes: UnsafeRawBufferPointer) throws(BuilderFailure) {
        var done = 0
        while done < bytes.count {
            let count = Glibc.write(inputNumber, bytes.baseAddress! + done, bytes.count - done)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw .system(errno, "write to the helper") }
            done += count
        }
    }

    /// Waits for output, its end included. Collects standard error meanwhile, which would block the child if it were full.
    func waitForOutput(milliseconds: Int32, orReadable cancellation: Int32) -> Waited {
        while true {
            var polled = [
                pollfd(fd: output.number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: cancellation, events: Int16(POLLIN), revents: 0),
                pollfd(fd: errorsEnded ? -1 : errors.number, events: Int16(POLLIN), revents: 0),
            ]
            let count = poll(&polled, nfds_t(polled.count), milliseconds)
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { return .timedOut }
            if polled[2].revents != 0 { collectErrors() }
            if polled[1].revents != 0 { return .cancelled }
            if polled[0].revents != 0 { return .ready }
        }
    }

    /// Zero at the end of the output.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(BuilderFailure) -> Int {
        while true {
            let count = Glibc.read(output.number, buffer.baseAddress, buffer.count)
            if count >= 0 { return count }
            guard errno == EINTR else { throw .system(errno, "read from the helper") }
        }
    }

    /// The last words. Call it after the end of the output: then they come within a moment, if at all. (A connection-sharing
    /// ssh leaves a process behind that keeps standard error open, so its end must not be waited for.)
    func lastWords() -> String {
        var polled = pollfd(fd: errors.number, events: Int16(POLLIN), revents: 0)
        while !errorsEnded, poll(&polled, 1, 500) > 0 { collectErrors() }
        return String(decoding: errorBytes, as: UTF8.self)
    }

    private func collectErrors() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(errors.number, &buffer, buffer.count)
        if count > 0 {
            errorBytes += buffer[..<count]
            if errorBytes.count > 16384 { errorBytes.removeFirst(errorBytes.count - 16384) }
        } else if count == 0 || (errno != EINTR && errno != EAGAIN) {
            errorsEnded = true
        }
    }

    /// Waits for the end. Call it after the end of the output: then it comes within a moment.
    func waitForSuccess() -> Bool {
        isWaitedFor = true
        guard case .exited(0)? = try? waitForChild(pid) else { return false }
        return true
    }

    private func stop() {
        guard !isWaitedFor else { return }
        input = nil
        kill(pid, SIGTERM)
        // Gone already, most of the time. One that does not listen is killed.
        if let handle = try? pidfdOpen(pid: pid) {
            var polled = pollfd(fd: handle.number, events: Int16(POLLIN), revents: 0)
            if poll(&polled, 1, 2000) <= 0 { kill(pid, SIGKILL) }
        } else {
            kill(pid, SIGKILL)
        }
        _ = try? waitForChild(pid)
    }

    /// Where a program is, in PATH.
    static func find(_ name: String) -> String? {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    private static func environment() -> [String] {
        // What this process was started with. (`environ` is a global variable, which Swift 6 does not let us touch.)
        guard let bytes = try? readFile("/proc/self/environ", limit: 4 << 20) else { return [] }
        return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }
}
