import Glibc

/// A blocking socket with a buffer. Every read and write ends after thirty seconds at the latest.
final class SocketStream {
    let descriptor: Int32
    private var buffer: [UInt8] = []
    private var position = 0
    private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 16)

    /// Takes the descriptor over.
    init(_ descriptor: Int32, timeout seconds: Int = 30) {
        self.descriptor = descriptor
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    deinit {
        close(descriptor)
        room.deallocate()
    }

    /// Ends both directions; whoever blocks in a read gets the end.
    func end() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// Its close will be a reset.
    func resetsWhenClosed() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    /// Whether the other side has closed; what it sent stays to be read.
    func peerIsGone() -> Bool {
        // POLLRDHUP, which Glibc hides behind a feature macro.
        var poll = pollfd(fd: descriptor, events: 0x2000, revents: 0)
        return Glibc.poll(&poll, 1, 0) == 1
    }

    /// False after thirty seconds.
    func waitForBytes() -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&poll, 1, 30_000) == 1
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + done, $0.count - done, Int32(MSG_NOSIGNAL))
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw TestFailure("send: \(String(cString: strerror(errno)))")
            }
            done += count
        }
    }

    /// Bytes that were received and not taken.
    var waiting: Int { buffer.count - position }

    /// False at the end. A reset is an error.
    private func receive() throws -> Bool {
        if position > 0 {
            buffer.removeFirst(position)
            position = 0
        }
        var count = -1
        repeat { count = recv(descriptor, room.baseAddress, room.count, 0) } while count < 0 && errno == EINTR
        let problem = errno
        buffer.append(contentsOf: room.prefix(max(0, count)))
        if count < 0 { throw TestFailure("receive: \(String(cString: strerror(problem)))") }
        return count > 0
    }

    /// Nil at the end before the first byte.
    func read(_ count: Int) throws -> [UInt8]? {
        while waiting < count {
            guard try receive() else {
                if waiting == 0 { return nil }
                throw TestFailure("the connection ended \(count - waiting) bytes early")
            }
        }
        defer { position += count }
        return Array(buffer[position..<position + count])
    }

    /// So many bytes, or what there is before the end; nil at the end.
    func read(upTo count: Int) throws -> [UInt8]? {
        while waiting < count, try receive() {}
        let end = min(position + count, buffer.count)
        defer { position = end }
        return position < end ? Array(buffer[position..<end]) : nil
    }

    /// At least one byte; empty at the end.
    func readSome() throws -> [UInt8] {
        if waiting == 0, try !receive() { return [] }
        defer { position = buffer.count }
        return Array(buffer[position...])
    }

    func readToEnd() throws -> [UInt8] {
        while try receive() {}
        defer { position = buffer.count }
        return Array(buffer[position...])
    }

    /// Up to and with the given bytes; nil at the end before the first byte.
    func read(through mark: String) throws -> String? {
        let mark = Array(mark.utf8)
        var searched = position
        while true {
            if let end = find(mark, from: max(position, searched)) {
                defer { position = end }
                return String(decoding: buffer[position..<end], as: UTF8.self)
            }
            // Positions move when the buffer is cut.
            searched = max(0, waiting - mark.count)
            guard try receive() else {
                if waiting == 0 { return nil }
                throw TestFailure("the connection ended before \(mark)")
            }
        }
    }

    private func find(_ mark: [UInt8], from start: Int) -> Int? {
        guard buffer.count >= mark.count + start else { return nil }
        return buffer.withUnsafeBytes { bytes in
            var at = start
            while at <= bytes.count - mark.count {
                guard let hit = memchr(bytes.baseAddress! + at, Int32(mark[0]), bytes.count - at - mark.count + 1)
                else { return nil }
                at = UnsafeRawPointer(hit) - bytes.baseAddress!
                if memcmp(hit, mark, mark.count) == 0 { return at + mark.count }
                at += 1
            }
            return nil
        }
    }
}
