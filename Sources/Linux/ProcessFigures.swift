internal import Glibc

/// What this process takes, as proc(5) tells it.
package struct ProcessFigures: Sendable, Equatable {
    package var cpuSeconds: Double
    package var residentBytes: Int
    package var virtualBytes: Int
    package var openFiles: Int
    package var maxFiles: Int

    /// Of now. Nil where /proc does not tell.
    package init?() {
        guard let fields = statFields(pid: getpid()), fields.count > 21, let user = Double(fields[11]),
            let system = Double(fields[12]), let size = Int(fields[20]), let pages = Int(fields[21]),
            let directory = try? openFile("/proc/self/fd", flags: O_RDONLY | O_DIRECTORY),
            let files = try? directoryEntries(directory.number)
        else { return nil }
        cpuSeconds = (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
        residentBytes = pages * Int(sysconf(Int32(_SC_PAGESIZE)))
        virtualBytes = size
        // The directory itself, and the copy that is read, are there for this moment only.
        openFiles = max(0, files.count - 2)
        var limit = rlimit()
        maxFiles =
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? Int(clamping: limit.rlim_cur) : 0
    }
}
