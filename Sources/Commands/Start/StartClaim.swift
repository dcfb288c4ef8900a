import Glibc
import Linux

/// Who starts an instance, or has started it: noted in a file of its directory before anything else there is touched. The record by
/// which commands find a server comes when it is made up; a second start before that would take away the files of the first.
enum StartClaim {
    private static let name = "started-by"
    private static let longest = 64

    /// For this process. The directory may be its core's to add to, from a time before.
    static func take(_ directory: borrowing Descriptor, instance: String) throws {
        for _ in 0..<3 {
            let file = try openFile(
                name, flags: O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600, directory: directory.number)
            guard try isOurs(file) else {
                unlinkat(directory.number, name, 0)
                continue
            }
            // Held for this moment only, by whoever else decides the same.
            guard flock(file.number, LOCK_EX | LOCK_NB) == 0 else { throw refusal(instance, nil) }
            if let starter = try starter(file), starter != getpid() { throw refusal(instance, starter) }
            var status = stat()
            // It went away with the directory of a server that has ended just now.
            guard fstat(file.number, &status) == 0, status.st_nlink == 1 else { continue }
            return try note(getpid(), in: file)
        }
        throw refusal(instance, nil)
    }

    /// To the supervisor that this process has started, and that goes on without it. One that has ended already has taken the directory
    /// along, and its report says why.
    static func pass(to pid: Int32, in directory: String) throws(SystemError) {
        do throws(SystemError) {
            let handle = try openFile(directory, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            let file = try openFile(name, flags: O_RDWR | O_NOFOLLOW, directory: handle.number)
            guard flock(file.number, LOCK_EX) == 0 else {
                throw SystemError(call: "flock", errno: errno, subject: name)
            }
            try note(pid, in: file)
        } catch  where error.errno == ENOENT {
            return
        }
    }

    private static func isOurs(_ file: borrowing Descriptor) throws(SystemError) -> Bool {
        var status = stat()
        guard fstat(file.number, &status) == 0 else { throw SystemError(call: "fstat", errno: errno, subject: name) }
        return status.st_uid == geteuid() && status.st_mode & S_IFMT == S_IFREG && status.st_nlink <= 1
    }

    /// Who has it and still runs.
    private static func starter(_ file: borrowing Descriptor) throws(SystemError) -> Int32? {
        let text = String(decoding: try readAll(file.number, limit: longest), as: UTF8.self)
        let numbers = text.split(separator: " ")
        guard numbers.count == 2, let pid = Int32(numbers[0]), let start = UInt64(numbers[1]) else { return nil }
        return processRuns(pid: pid, startTime: start) ? pid : nil
    }

    private static func note(_ pid: Int32, in file: borrowing Descriptor) throws(SystemError) {
        let bytes = Array("\(pid) \(processStartTime(pid: pid) ?? 0)".utf8)
        guard ftruncate(file.number, 0) == 0, pwrite(file.number, bytes, bytes.count, 0) == bytes.count else {
            throw SystemError(call: "write", errno: errno, subject: name)
        }
    }

    private static func refusal(_ instance: String, _ starter: Int32?) -> StartError {
        StartError(
            "the server \"\(instance)\" starts or runs already\(starter.map { " (pid \($0))" } ?? "")",
            hint: "Wait for that one, or give this one another name with --instance-name.", exitCode: 4)
    }
}
