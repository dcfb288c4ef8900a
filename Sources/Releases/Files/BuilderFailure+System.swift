import Glibc

extension BuilderFailure {
    /// A failed system call. `doing` completes "cannot …".
    static func system(_ number: Int32, _ doing: String, path: String? = nil) -> BuilderFailure {
        let reason = strerror(number).map { String(cString: $0) } ?? "error \(number)"
        let message = "cannot \(doing): \(reason)"
        switch number {
        case ENOSPC:
            return BuilderFailure(.noSpace, message, hint: BuilderFailure.noSpaceHint, path: path)
        case EDQUOT:
            return BuilderFailure(
                .noSpace, message, hint: "the user's disk quota is used up: free some of it, or raise it", path: path)
        case EMFILE, ENFILE:
            return BuilderFailure(.inputOutput, message, hint: openFilesHint, path: path)
        case EACCES, EPERM:
            return BuilderFailure(
                .permissionDenied, message,
                hint: "everything under the deploy root must belong to the user that deploys", path: path)
        case EROFS:
            return BuilderFailure(
                .inputOutput, message, hint: "the file system is mounted read-only, perhaps after a disk error",
                path: path)
        case EIO:
            return BuilderFailure(
                .inputOutput, message, hint: "the disk reported an error: see the kernel's log (dmesg)", path: path)
        default:
            return BuilderFailure(.inputOutput, message, path: path)
        }
    }

    static let openFilesHint =
        "raise the limit on open files (LimitNOFILE= of the service, ulimit -n, fs.file-max), then deploy again"

    static let noSpaceHint =
        "free some space or inodes (df -h, df -i), for example by a smaller deploy.keep_releases, and deploy again"
}
