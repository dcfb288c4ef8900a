internal import CLinux
internal import Glibc
import NIOCore

// Sending: at once as much as the kernel takes; the rest waits in the queue, in order.
extension StreamSocket {
    /// Bytes of a file that one socket sends before the others have their turn.
    private static let fileBytesInTurn = 1 << 20

    /// What waits for room. Whoever sends more than the peer takes must look at this.
    package var queuedBytes: Int { queue.byteCount }
    /// Of that, what is held in memory.
    package var queuedMemory: Int { queue.byteCount - queue.fileByteCount }

    /// `more`: a file follows at once, and its first bytes belong into the same segment.
    package func send(_ bytes: UnsafeRawBufferPointer, more: Bool = false) {
        guard isOpen, !isOutputBroken, let base = bytes.baseAddress, !bytes.isEmpty else { return }
        guard queue.isEmpty else { return queue.append(bytes) }
        let sent = Int(cl_stream_send(fd, base, bytes.count, more ? 1 : 0))
        guard sent != bytes.count else { return sentBytes += sent }
        guard took(sent) else { return }
        queue.append(UnsafeRawBufferPointer(rebasing: bytes[max(0, sent)...]))
        waitForRoom(true)
    }

    /// Both in one system call.
    package func send(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) {
        guard isOpen, !isOutputBroken, let firstBase = first.baseAddress, let secondBase = second.baseAddress,
            queue.isEmpty
        else {
            send(first)
            send(second)
            return
        }
        let sent = Int(cl_stream_send_two(fd, firstBase, first.count, secondBase, second.count))
        guard took(sent) else { return }
        if sent < first.count { queue.append(UnsafeRawBufferPointer(rebasing: first[max(0, sent)...])) }
        let ofSecond = max(0, sent - first.count)
        if ofSecond < second.count { queue.append(UnsafeRawBufferPointer(rebasing: second[ofSecond...])) }
        if !queue.isEmpty { waitForRoom(true) }
    }

    /// Sends a part of a file (sendfile(2)). `file` is held until then.
    package func send(_ file: any SendableFile, from offset: Int, count: Int) {
        guard isOpen, !isOutputBroken, count > 0 else { return }
        let wasEmpty = queue.isEmpty
        queue.append(file, from: offset, count: count)
        if wasEmpty { flushQueue(tells: false) }
    }

    /// Ends our side once everything is with the kernel; `socketDrained` is told then, also when nothing waited. Nothing
    /// may be sent after this.
    package func endOutput() {
        guard isOpen, !endsOutputWhenDrained else { return }
        endsOutputWhenDrained = true
        guard queue.isEmpty else { return }
        _ = cl_stream_shut_down_output(fd)
        owner?.socketDrained()
    }

    /// False when the connection was lost by it.
    private func took(_ sent: Int) -> Bool {
        if sent >= 0 {
            sentBytes += sent
            return true
        }
        if sent == -Int(EAGAIN) { return true }
        if readsOutAfterFailedSend { readOut() } else { closeNow(.failed(Int32(truncatingIfNeeded: -sent))) }
        return false
    }

    /// `tells`: something had to wait, so its owner wants to know when it has left.
    func flushQueue(tells: Bool = true) {
        var budget = Self.fileBytesInTurn
        while let part = queue.first {
            let sent = send(part, budget)
            guard took(sent) else { return }
            // Full, or a file that has become shorter than was promised: then nobody can say what belongs here.
            if sent == 0 { return closeNow(.failed(EIO)) }
            guard sent > 0 else { return waitForRoom(true) }
            queue.dropFirst(sent)
            budget -= sent
            if budget <= 0, !queue.isEmpty { return yieldTurn() }
        }
        waitForRoom(false)
        if endsOutputWhenDrained { _ = cl_stream_shut_down_output(fd) }
        if tells || endsOutputWhenDrained { owner?.socketDrained() }
    }

    private func send(_ part: OutboundQueue.Part, _ budget: Int) -> Int {
        switch part {
        case .bytes(let bytes):
            bytes.withUnsafeReadableBytes { Int(cl_stream_send(fd, $0.baseAddress!, $0.count, 0)) }
        case .file(let file, let offset, let count):
            Int(cl_stream_send_file(fd, file.descriptor, Int64(offset), min(count, budget)))
        }
    }

    /// There may be room, but others wait too. The change makes epoll tell again (epoll_ctl(2), EPOLL_CTL_MOD).
    private func yieldTurn() {
        isWaitingForRoom = false
        waitForRoom(true)
    }
}
