import Glibc

/// Says "the disk is full" when the kernel ends the process for it.
///
/// libgit2 writes packs through memory maps. With no room left, storing to such a map is SIGBUS, not an error code, and
/// would look like a crash. The handler may only call what is safe in one: the line is made beforehand, then write, _exit.
enum FullDiskNotice {
    private nonisolated(unsafe) static var line: UnsafeMutableBufferPointer<UInt8>?
    private nonisolated(unsafe) static var output: Int32 = -1

    /// Once per process, from its first thread.
    static func install(output: Int32) {
        let failure = BuilderFailure(
            .noSpace, "the disk filled up while the fetched objects were being stored",
            hint: BuilderFailure.noSpaceHint)
        guard let bytes = try? BuilderWire.encode(BuilderEvent.error(failure)) else { return }
        let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
        _ = buffer.initialize(from: bytes)
        line = buffer
        self.output = output
        signal(SIGBUS) { _ in
            if let line = FullDiskNotice.line { _ = write(FullDiskNotice.output, line.baseAddress, line.count) }
            _exit(1)
        }
    }
}
