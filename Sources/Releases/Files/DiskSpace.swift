import Glibc
import Linux

/// What a file system has left for an unprivileged user.
struct DiskSpace: Equatable, Sendable {
    var bytes: Int
    /// Nil where the file system makes inodes as it needs them (btrfs, some network file systems).
    var inodes: Int?
    var blockSize: Int

    /// Kept free beyond what a step is known to need, for journals, logs and the apps that are running.
    static let reserveBytes = 8 << 20
    static let reserveInodes = 64

    static func read(_ directory: borrowing Directory) throws(BuilderFailure) -> DiskSpace {
        var result = statvfs()
        guard fstatvfs(directory.descriptor.number, &result) == 0 else {
            throw .system(errno, "read the free space of \(directory.path)", path: directory.path)
        }
        let block = Int(max(result.f_frsize, 1))
        return DiskSpace(
            bytes: Int(clamping: result.f_bavail).multipliedReportingOverflow(by: block).partialValue,
            inodes: result.f_files == 0 ? nil : Int(clamping: result.f_favail), blockSize: block)
    }

    /// Throws `noSpace` with both numbers unless a step that needs this much may begin.
    func require(bytes needed: Int, inodes neededInodes: Int, for step: String, in path: String) throws(BuilderFailure)
    {
        if bytes - DiskSpace.reserveBytes < needed {
            throw BuilderFailure(
                .noSpace,
                "\(step) needs \(DiskSpace.megabytes(needed + DiskSpace.reserveBytes)) free in \(path), "
                    + "and there are \(DiskSpace.megabytes(bytes))",
                hint: BuilderFailure.noSpaceHint, path: path)
        }
        if let inodes, inodes - DiskSpace.reserveInodes < neededInodes {
            throw BuilderFailure(
                .noSpace,
                "\(step) needs \(neededInodes + DiskSpace.reserveInodes) free inodes in \(path), and there are \(inodes)",
                hint: BuilderFailure.noSpaceHint, path: path)
        }
    }

    private static func megabytes(_ bytes: Int) -> String {
        let tenths = (Double(bytes) / 1_048_576 * 10).rounded() / 10
        return "\(tenths) MiB"
    }
}
