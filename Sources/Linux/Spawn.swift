internal import CLinux

/// One descriptor that a child is to see: `source` here, `target` there.
package struct DescriptorMove: Sendable, Equatable {
    package var source: Int32
    package var target: Int32
    package init(source: Int32, target: Int32) {
        self.source = source
        self.target = target
    }
}

/// posix_spawn(3) of the program at `path` (no PATH look-up): leader of its own process group, empty signal mask, all
/// dispositions default, and exactly the descriptors of `moves`. Returns its pid; the caller has to wait for it.
///
/// Sources are first duplicated above all targets: a move could otherwise overwrite the source of a later one.
package func spawnProcess(
    path: String, arguments: [String], environment: [String], moves: [DescriptorMove]
) throws(SystemError) -> Int32 {
    let floor = (moves.map(\.target).max() ?? 2) + 1
    var copies: [Int32] = []
    defer { closeDescriptors(copies) }
    var numbers: [Int32] = []
    for move in moves {
        let copy = try duplicateDescriptor(move.source, minimum: floor).release()
        copies.append(copy)
        numbers += [copy, move.target]
    }
    var pid: Int32 = 0
    let error = withCStrings(arguments) { argv in
        withCStrings(environment) { envp in cl_spawn(&pid, path, argv, envp, numbers, Int32(moves.count)) }
    }
    guard error == 0 else { throw SystemError(call: "posix_spawn", errno: error, subject: path) }
    return pid
}

/// A null-terminated array of C strings that lives as long as the call.
func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var storage: [CChar] = []
    var offsets: [Int] = []
    for string in strings {
        offsets.append(storage.count)
        storage += string.utf8CString
    }
    return storage.withUnsafeMutableBufferPointer { buffer in
        // An empty list has no base address, and no offsets either.
        var pointers: [UnsafeMutablePointer<CChar>?] = offsets.map { buffer.baseAddress! + $0 }
        pointers.append(nil)
        return pointers.withUnsafeBufferPointer { body($0.baseAddress!) }
    }
}
