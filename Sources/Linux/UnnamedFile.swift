internal import Glibc

/// A file without a name in `directory`, mode 0600: nothing is left of it when its last descriptor is closed, however
/// that happens. Where the file system has no O_TMPFILE (open(2)), a file with a random name that is unlinked at once.
package func openUnnamedFile(in directory: String) throws(SystemError) -> Descriptor {
    // The macro is not visible to Swift: __O_TMPFILE | O_DIRECTORY.
    let temporary: Int32 = 0o20_000_000 | O_DIRECTORY
    let unnamed = open(directory, temporary | O_RDWR | O_CLOEXEC, 0o600)
    if unnamed >= 0 { return Descriptor(owning: unnamed) }
    let failure = SystemError(call: "open", subject: directory)
    guard failure.errno == EOPNOTSUPP || failure.errno == EISDIR || failure.errno == EINVAL else { throw failure }
    let path = "\(directory)/.passenger-\(UInt64.random(in: .min ... .max))"
    let named = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard named >= 0 else { throw SystemError(call: "open", subject: path) }
    unlink(path)
    return Descriptor(owning: named)
}
