import Glibc
import Model
import Testing

@testable import Linux

@Suite("Linux wrappers")
struct WrapperTests {
    private func temporaryDirectory() throws -> String {
        var template = Array("/tmp/passenger-linux-XXXXXX".utf8CString)
        _ = try #require(mkdtemp(&template))
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    @Test("a packet arrives whole with its descriptors, and the end of the peer is seen")
    func packets() throws {
        let pair = try MessageSocket.pair()
        let receiver = pair.first
        let file = try makeMemoryFile(name: "test", contents: Array("hello".utf8), sealed: true)
        do {
            let sender = pair.second
            try MessageSocket.send(sender.number, [1, 2, 3], descriptors: [file.number, file.number])
            let packet = try #require(try MessageSocket.receive(receiver.number))
            #expect(packet.bytes == [1, 2, 3])
            #expect(packet.descriptors.count == 2)
            for fd in packet.descriptors {
                let copy = Descriptor(owning: fd)
                #expect(fcntl(copy.number, F_GETFD) == FD_CLOEXEC)
                #expect(try readWholeFile(copy.number, limit: 100) == Array("hello".utf8))
            }
            try MessageSocket.send(sender.number, [UInt8](repeating: 7, count: MessageSocket.largestPacket))
            #expect(try MessageSocket.receive(receiver.number)?.bytes.count == MessageSocket.largestPacket)
        }
        #expect(try MessageSocket.receive(receiver.number) == nil)
        #expect(throws: SystemError(call: "sendmsg", errno: EPIPE)) { try MessageSocket.send(receiver.number, [1]) }
    }

    @Test("a packet larger than the receiver allows is dropped and its descriptors closed")
    func oversizedPacket() throws {
        let pair = try MessageSocket.pair()
        let pipe = try Pipe()
        let reader = pipe.reader
        do {
            let writer = pipe.writer
            try MessageSocket.send(pair.first.number, [1, 2, 3, 4], descriptors: [writer.number])
        }
        #expect(throws: SystemError(call: "recvmsg", errno: EMSGSIZE)) {
            try MessageSocket.receive(pair.second.number, maxBytes: 2)
        }
        // A process that another test is starting has copies of all until it is the other program.
        var end = pollfd(fd: reader.number, events: Int16(POLLIN), revents: 0)
        #expect(poll(&end, 1, 30_000) == 1)
        #expect(try readSome(reader.number, limit: 1).isEmpty, "no copy of the writer is left open")
    }

    @Test("a tree is removed with its links, and not what they lead to")
    func removedTree() throws {
        let path = try temporaryDirectory()
        try #require(mkdir("\(path)/kept", 0o755) == 0 && mkdir("\(path)/tree", 0o755) == 0)
        let kept = try openFile("\(path)/kept/file", flags: O_WRONLY | O_CREAT)
        try #require(mkdir("\(path)/tree/below", 0o755) == 0)
        try #require(symlink("../../kept", "\(path)/tree/below/link") == 0)
        try #require(symlink("kept", "\(path)/link") == 0)
        let directory = try openFile(path, flags: O_RDONLY | O_DIRECTORY)
        for name in ["tree", "link", "missing"] { removeTree(directory.number, name) }
        #expect(try directoryEntries(directory.number) == ["kept"])
        #expect(access("\(path)/kept/file", F_OK) == 0)
        _ = consume kept
        emptyDirectory(directory.number)
        #expect(rmdir(path) == 0)
    }

    @Test("a sealed memory file can be neither changed nor shortened")
    func sealedMemoryFile() throws {
        let file = try makeMemoryFile(name: "test", contents: [1, 2], sealed: true)
        #expect(write(file.number, [9], 1) == -1)
        #expect(ftruncate(file.number, 0) == -1)
        #expect(try readAll(file.number, limit: 2) == [1, 2])
        lseek(file.number, 0, SEEK_SET)
        #expect(throws: SystemError(call: "read", errno: EFBIG)) { try readAll(file.number, limit: 1) }
    }

    @Test("an error names the call, the subject and the errno")
    func errors() throws {
        let error = #expect(throws: SystemError.self) { try readFile("/nowhere/x") }
        #expect(error?.description == "open /nowhere/x: No such file or directory (ENOENT)")
    }

    @Test("a Unix socket has its mode from birth, and tells who connects")
    func unixSocket() throws {
        let directory = try temporaryDirectory()
        defer { rmdir(directory) }
        let path = directory + "/s"
        let listener = try listenUnix(path: path, mode: 0o660, backlog: 1)
        defer { unlink(path) }
        var status = stat()
        #expect(lstat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o660)
        let client = try connectUnix(path: path, nonBlocking: true)
        let accepted = Descriptor(owning: accept(listener.number, nil, nil))
        #expect(try peerCredentials(accepted.number) == PeerCredentials(pid: getpid(), uid: getuid(), gid: getgid()))
        #expect(throws: SystemError(call: "bind", errno: EADDRINUSE, subject: path)) {
            _ = try listenUnix(path: path, mode: 0o600, backlog: 1)
        }
        _ = client
    }

    @Test("openBeneath refuses to leave the directory or to follow a link")
    func beneath() throws {
        let directory = try temporaryDirectory()
        defer { rmdir(directory) }
        #expect(symlink("/etc", directory + "/link") == 0)
        defer { unlink(directory + "/link") }
        let root = try openFile(directory, flags: O_RDONLY | O_DIRECTORY)
        let made = try openBeneath(root.number, "file", flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o640)
        defer { unlink(directory + "/file") }
        try writeAll(made.number, [1])
        #expect(throws: SystemError(call: "openat2", errno: EXDEV, subject: "../x")) {
            _ = try openBeneath(root.number, "../x", flags: O_RDONLY)
        }
        #expect(throws: SystemError(call: "openat2", errno: ELOOP, subject: "link/passwd")) {
            _ = try openBeneath(root.number, "link/passwd", flags: O_RDONLY)
        }
    }

    @Test("an atomic write replaces the whole file and leaves nothing beside it")
    func atomicWrite() throws {
        let directory = try temporaryDirectory()
        defer { rmdir(directory) }
        defer { unlink(directory + "/f") }
        for text in ["first and long", "second"] {
            try writeFileAtomically(directory: directory, name: "f", bytes: Array(text.utf8), mode: 0o644)
            #expect(try readFile(directory + "/f") == Array(text.utf8))
        }
        var status = stat()
        #expect(stat(directory + "/f", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o644)
        #expect(try openFile(directory, flags: O_RDONLY).number >= 0)
        unlink(directory + "/f")
        #expect(rmdir(directory) == 0, "the directory is empty")
    }

    @Test("a file lock is held by one open file at a time, and let go of whoever else has that open")
    func fileLock() throws {
        let directory = try temporaryDirectory()
        defer { rmdir(directory) }
        let path = directory + "/lock"
        defer { unlink(path) }
        func canLock() throws -> Bool {
            if case .some = try FileLock(path: path) { true } else { false }
        }
        guard case .some(let held) = try FileLock(path: path) else {
            throw SystemError(call: "flock", errno: EWOULDBLOCK)
        }
        // As a process that is being started has one until it is another program.
        let copy = try duplicateDescriptor(held.number)
        #expect(try !canLock())
        _ = consume held
        #expect(try canLock())
        #expect(copy.number >= 0)
    }

    @Test("inotify reports a created file by name")
    func inotify() throws {
        let directory = try temporaryDirectory()
        defer { rmdir(directory) }
        let inotify = try Inotify()
        let watch = try inotify.add(directory, [.created, .onlyDirectory])
        #expect(try inotify.read().isEmpty)
        _ = try openFile(directory + "/new", flags: O_WRONLY | O_CREAT)
        defer { unlink(directory + "/new") }
        #expect(try inotify.read() == [Inotify.Event(watch: watch, mask: .created, name: "new")])
    }

    @Test("a user is found with all groups, an unknown one is nil")
    func users() throws {
        let root = try #require(try lookUpUser(uid: 0))
        #expect(root.name == "root")
        #expect(root.groups.contains(0))
        #expect(try lookUpUser(name: "root") == root)
        #expect(try lookUpUser(name: "no-such-user-here") == nil)
    }

    @Test("a child sees exactly the descriptors it was given, crossed ones included")
    func spawnedDescriptors() throws {
        let input = try Pipe(nonBlockingReader: false)
        let output = try Pipe(nonBlockingReader: false)
        // A source that is the target of another move, and one with two targets.
        let moves = [
            DescriptorMove(source: input.reader.number, target: 0),
            DescriptorMove(source: output.writer.number, target: 1),
            DescriptorMove(source: output.writer.number, target: input.reader.number),
            DescriptorMove(source: input.reader.number, target: output.writer.number),
        ]
        let pid = try spawnProcess(path: "/bin/cat", arguments: ["cat"], environment: [], moves: moves)
        defer {
            kill(pid, SIGKILL)
            #expect(throws: Never.self) { try waitForChild(pid) }
        }
        // Its echo says that it is past the dynamic linker, which opens files too.
        try writeAll(input.writer.number, [42])
        #expect(try readSome(output.reader.number, limit: 1) == [42])
        #expect(openDescriptors(pid: pid) == [0, 1, input.reader.number, output.writer.number])
        func target(_ number: Int32, of pid: Int32) -> String {
            var buffer = [CChar](repeating: 0, count: 256)
            let count = readlink("/proc/\(pid)/fd/\(number)", &buffer, 255)
            return String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        #expect(target(input.reader.number, of: pid) == target(1, of: pid))
        #expect(target(output.writer.number, of: pid) == target(0, of: pid))
        #expect(getpgid(pid) == pid)
    }

    @Test("a group's niceness is that of all its threads and processes", .enabled(if: canLowerNiceness()))
    func groupNiceness() throws {
        let output = try Pipe(nonBlockingReader: false)
        let program = """
            import os, sys, threading, time
            os.nice(10)
            started, tell = os.pipe()
            child = os.fork()
            threading.Thread(target=lambda: time.sleep(60), daemon=True).start()
            if child: os.read(started, 1), os.write(1, b'%d\\n' % child)
            else: os.write(tell, b'.')
            time.sleep(60)
            """
        let pid = try spawnProcess(
            path: "/usr/bin/python3", arguments: ["python3", "-c", program], environment: [],
            moves: [DescriptorMove(source: output.writer.number, target: 1)])
        defer {
            #expect(throws: Never.self) {
                try signalGroup(pid, SIGKILL)
                _ = try waitForChild(pid)
            }
        }
        let line = String(decoding: try readSome(output.reader.number, limit: 32), as: UTF8.self)
        let child = try #require(Int32(line.dropLast()))
        func threads() -> [Int32] {
            [pid, child].flatMap { process in
                numbers(in: "/proc/\(process)/task").map { niceness(pid: $0) ?? .max }
            }
        }
        let own = try #require(niceness(pid: getpid()))
        // There is none above 19, and the tests may be nice themselves.
        let nice = min(19, own + 10)
        #expect(niceness(pid: pid) == nice && niceness(pid: child) == nice)
        try setNiceness(group: pid, to: own)
        #expect(threads().count == 4 && threads().allSatisfy { $0 == own })
    }

    private func openDescriptors(pid: Int32) -> [Int32] { numbers(in: "/proc/\(pid)/fd") }

    private func numbers(in path: String) -> [Int32] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var numbers: [Int32] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let number = Int32(name) { numbers.append(number) }
        }
        return numbers.sorted()
    }

    @Test("a missing program is reported by the spawn itself")
    func missingProgram() {
        #expect(throws: SystemError(call: "posix_spawn", errno: ENOENT, subject: "/nowhere")) {
            _ = try spawnProcess(path: "/nowhere", arguments: ["x"], environment: [], moves: [])
        }
    }

    @Test("pid and start time name this process")
    func startTime() throws {
        let started = try #require(processStartTime(pid: getpid()))
        #expect(started > 0)
        #expect(processStartTime(pid: getpid()) == started)
        #expect(processParent(pid: getpid()) == getppid())
        #expect(processStartTime(pid: Int32.max) == nil)
        let me = try pidfdOpen(pid: getpid())
        try pidfdSendSignal(me.number, 0)
    }

    @Test("a port that somebody listens on is refused until the first socket shares it, and then siblings get a share")
    func sharedPort() throws {
        let first = try bindTCP(host: "127.0.0.1", port: 0, sharesPort: false)
        let port = try boundPort(first.number)
        try startListening(first.number, backlog: 64, subject: "first")
        #expect(throws: SystemError(call: "bind", errno: EADDRINUSE, subject: "127.0.0.1:\(port)")) {
            _ = try bindTCP(host: "127.0.0.1", port: port, sharesPort: true)
        }
        try setSharesPort(first.number)
        let second = try bindTCP(host: "127.0.0.1", port: port, sharesPort: true)
        try startListening(second.number, backlog: 64, subject: "second")
        // A stranger that does not ask to share is still told.
        #expect(throws: SystemError(call: "bind", errno: EADDRINUSE, subject: "127.0.0.1:\(port)")) {
            _ = try bindTCP(host: "127.0.0.1", port: port, sharesPort: false)
        }
        try first.setNonBlocking()
        try second.setNonBlocking()
        var clients: [Int32] = []
        defer { closeDescriptors(clients) }
        for _ in 0..<40 {
            let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            clients.append(client)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            #expect(withSocketAddress(&address) { connect(client, $0, $1) } == 0)
        }
        // A busy kernel may take the last packet of a connection to its listener a moment after the client has it.
        var shares = [0, 0]
        for _ in 0..<10_000 where shares.reduce(0, +) < 40 {
            for (index, listener) in [first.number, second.number].enumerated() {
                while case let accepted = accept(listener, nil, nil), accepted >= 0 {
                    close(accepted)
                    shares[index] += 1
                }
            }
            usleep(1000)
        }
        #expect(shares.reduce(0, +) == 40)
        #expect(shares.allSatisfy { $0 > 0 }, "the kernel spreads connections over \(shares)")
    }
}
