internal import Glibc

/// An flock(2) on a file made for it: gone with its owner, however that ends. The descriptor is close-on-exec, so no
/// child can keep it.
package struct FileLock: ~Copyable, Sendable {
    private let file: Descriptor

    /// Nil when another open file holds the lock.
    package init?(path: String, mode: UInt32 = 0o600) throws(SystemError) {
        let file = try openFile(path, flags: O_RDWR | O_CREAT | O_NOFOLLOW, mode: mode)
        do throws(SystemError) {
            _ = try checked("flock", path) { flock(file.number, LOCK_EX | LOCK_NB) }
        } catch  where error.errno == EWOULDBLOCK {
            return nil
        }
        self.file = file
    }

    /// Closing is not enough: a child that is being started has a copy of all descriptors until it runs its program.
    deinit { flock(file.number, LOCK_UN) }

    /// The locked file, for its owner's name.
    package var number: Int32 { file.number }
}
