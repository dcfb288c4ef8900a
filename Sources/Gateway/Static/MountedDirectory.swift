internal import Glibc
internal import Linux
internal import Model

/// A file that was found and judged, not opened for reading yet. Opening with O_PATH does nothing to a FIFO or a device:
/// no writer wakes up, no tape rewinds.
final class LocatedFile {
    let descriptor: Descriptor
    let identity: FileIdentity

    init(_ descriptor: consuming Descriptor, _ identity: FileIdentity) {
        self.descriptor = descriptor
        self.identity = identity
    }

    /// Reads the very file that was judged, whatever its path names by now.
    func open() throws(SystemError) -> Descriptor {
        try openFile("/proc/self/fd/\(descriptor.number)", flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
    }
}

/// One directory of one release with its names, looked at afresh when it was last looked at a second ago. Owned by one
/// event loop; every call may block on the file system.
final class MountedDirectory {
    private let path: String
    private let rootPaths: [String]
    private var directory: Descriptor?
    private var identity: FileIdentity?
    private var realPath = ""
    private var index: NameIndex?
    /// Made when a link has to be judged, good until the next look.
    private var roots: AllowedRoots?
    private var failure: SystemError?
    private var trustedUntil: Instant?

    /// `roots`: what a link may lead into.
    init(path: String, roots: [String]) {
        self.path = path
        rootPaths = roots
    }

    /// Nothing is done to find out more than once in `trust`.
    func refresh(now: Instant, trust: Duration, hash: PathHash) {
        if let trustedUntil, now < trustedUntil { return }
        trustedUntil = now + trust
        roots = nil
        failure = nil
        do throws(SystemError) {
            try look(hash)
        } catch {
            forgetDirectory()
            if !isAbsence(error) { failure = error }
        }
    }

    /// False: there is certainly no file for this path (below the mount, with its slash), and no system call said so.
    func mayHave(_ path: UnsafeRawBufferPointer, hash: PathHash) -> Bool {
        guard directory != nil else { return failure != nil }
        return index?.mayHave(path, hash: hash) ?? true
    }

    /// `name` is relative and has no `..`. Nil: no such file, or none that may be served.
    func locate(_ name: String) throws(SystemError) -> LocatedFile? {
        if let failure { throw failure }
        guard let number = directory?.number else { return nil }
        do throws(SystemError) {
            return try located(try openBeneath(number, name, flags: pathOnly))
        } catch {
            if isAbsence(error) { return nil }
            guard mayBeLink(error) else { throw error }
        }
        do throws(SystemError) {
            return try judged(try openFile(name, flags: pathOnly, directory: number))
        } catch {
            // A loop of links, or one whose target is not there.
            if isAbsence(error) || error.errno == ELOOP { return nil }
            throw error
        }
    }

    private func located(_ descriptor: consuming Descriptor) throws(SystemError) -> LocatedFile? {
        guard let identity = FileIdentity(descriptor: descriptor.number) else { throw SystemError(call: "fstat") }
        return LocatedFile(descriptor, identity)
    }

    /// A link was followed: where it led decides, and it does not get round the rule about dotfiles.
    private func judged(_ descriptor: consuming Descriptor) throws(SystemError) -> LocatedFile? {
        guard let real = AllowedRoots.realPath(of: descriptor.number), let part = allowedRoots().part(of: real),
            !RequestPath.hasHiddenSegment(part)
        else { return nil }
        return try located(descriptor)
    }

    private func allowedRoots() -> AllowedRoots {
        if let roots { return roots }
        var made = AllowedRoots(rootPaths)
        // `.next/static` is hidden from the release's root, its files are not hidden from it.
        if !realPath.isEmpty { made.add(realPath: realPath) }
        roots = made
        return made
    }

    private func look(_ hash: PathHash) throws(SystemError) {
        let opened = try openFile(path, flags: pathOnly | O_DIRECTORY)
        guard let now = FileIdentity(descriptor: opened.number) else { throw SystemError(call: "fstat") }
        if now != identity || directory == nil {
            realPath = ""
            guard let real = AllowedRoots.realPath(of: opened.number), allowedRoots().part(of: real) != nil else {
                return forgetDirectory()
            }
            realPath = real
            roots = nil
            index = nil
            identity = now
            directory = consume opened
        }
        if index?.isSettled != true, let number = directory?.number {
            index = NameIndex(directory: number, modified: now.modified, hash: hash)
        }
    }

    private func forgetDirectory() {
        directory = nil
        identity = nil
        index = nil
        realPath = ""
    }

    /// The name leads to nothing, or to nothing that we may look at.
    private func isAbsence(_ error: SystemError) -> Bool {
        [ENOENT, ENOTDIR, ENAMETOOLONG, EACCES, EINVAL].contains(error.errno)
    }

    /// openat2(2) refuses links with ELOOP and EXDEV; old kernels and some sandboxes do not have the call.
    private func mayBeLink(_ error: SystemError) -> Bool {
        [ELOOP, EXDEV, EAGAIN, ENOSYS, EPERM].contains(error.errno)
    }
}

/// O_PATH, whose macro Swift does not see on every system.
private let pathOnly: Int32 = 0o10_000_000
