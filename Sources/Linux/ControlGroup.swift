internal import CLinux
internal import Glibc

/// A group of the version 2 hierarchy of cgroups(7), through a descriptor of its directory.
package struct ControlGroup: ~Copyable, Sendable {
    package let path: String
    private let directory: Descriptor

    package init(path: String) throws(SystemError) {
        directory = try openFile(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        self.path = path
    }

    /// Made if it is not there.
    package func child(_ name: String) throws(SystemError) -> ControlGroup {
        if mkdirat(directory.number, name, 0o755) != 0 {
            let error = SystemError(call: "mkdir", subject: "\(path)/\(name)")
            guard error.errno == EEXIST else { throw error }
        }
        return try ControlGroup(path: "\(path)/\(name)")
    }

    /// EBUSY while there are processes, or groups, in it.
    package func removeChild(_ name: String) throws(SystemError) {
        _ = try checked("rmdir", "\(path)/\(name)") { unlinkat(directory.number, name, AT_REMOVEDIR) }
    }

    package func children() throws(SystemError) -> [String] {
        var names: [String] = []
        for name in try directoryEntries(directory.number) {
            var status = stat()
            guard fstatat(directory.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR { names.append(name) }
        }
        return names
    }

    /// `cgroup.procs` to write to: whoever writes `0` there joins, by the rights of whoever opened it.
    package func entrance() throws(SystemError) -> Descriptor { try open("cgroup.procs", O_WRONLY) }

    package func write(_ text: String, to file: String) throws(SystemError) {
        let target = try open(file, O_WRONLY)
        try writeAll(target.number, Array(text.utf8))
    }

    package func read(_ file: String) throws(SystemError) -> String {
        let source = try open(file, O_RDONLY)
        return String(decoding: try readAll(source.number, limit: 1 << 20), as: UTF8.self)
    }

    /// Everything in it and below it dies at once, whatever it forks meanwhile; before Linux 5.14 one after another.
    package func kill() throws(SystemError) {
        do throws(SystemError) {
            try write("1", to: "cgroup.kill")
        } catch  where error.errno == ENOENT {
            for pid in try read("cgroup.procs").split(separator: "\n").compactMap({ Int32($0) }) where pid > 1 {
                _ = Glibc.kill(pid, SIGKILL)
            }
        }
    }

    package func owner() throws(SystemError) -> UInt32 {
        var status = stat()
        _ = try checked("fstat", path) { fstat(directory.number, &status) }
        return status.st_uid
    }

    /// systemd says so of a group that it leaves to whoever runs in it (Delegate=yes).
    package var isMarkedDelegated: Bool {
        ["user.delegate", "trusted.delegate"].contains { (name: String) in
            cl_attribute_is(directory.number, name, "1") == 1
        }
    }

    private func open(_ file: String, _ flags: Int32) throws(SystemError) -> Descriptor {
        do throws(SystemError) {
            return try openFile(file, flags: flags, directory: directory.number)
        } catch {
            throw SystemError(call: error.call, errno: error.errno, subject: "\(path)/\(file)")
        }
    }
}

/// Where a process is in the version 2 hierarchy.
package struct ControlGroupPlace: Sendable, Equatable {
    /// The directory of its group.
    package var path: String
    /// The highest group that can be seen from here.
    package var isTop: Bool
    package var isReadOnly: Bool

    package init(path: String, isTop: Bool, isReadOnly: Bool) {
        self.path = path
        self.isTop = isTop
        self.isReadOnly = isReadOnly
    }

    package static func own() -> ControlGroupPlace? {
        guard let mounts = try? readFile("/proc/self/mountinfo", limit: 4 << 20),
            let membership = try? readFile("/proc/self/cgroup")
        else { return nil }
        return find(
            mounts: String(decoding: mounts, as: UTF8.self), membership: String(decoding: membership, as: UTF8.self))
    }

    /// From proc(5), mountinfo (identifiers, device, root, mount point, options … - type …) and cgroup (`0::/group`).
    static func find(mounts: String, membership: String) -> ControlGroupPlace? {
        guard let line = membership.split(separator: "\n").first(where: { $0.hasPrefix("0::/") }) else { return nil }
        let group = line.dropFirst(3)
        // Of another namespace's group: not within reach.
        guard !group.split(separator: "/").contains("..") else { return nil }
        for mount in mounts.split(separator: "\n").reversed() {
            let fields = mount.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count > dash + 1,
                fields[dash + 1] == "cgroup2",
                !mount.contains("\\")
            else { continue }
            let root = fields[3] == "/" ? "" : fields[3]
            guard group == root || group.hasPrefix("\(root)/") else { continue }
            let rest = group.dropFirst(root.count)
            let isTop = rest.isEmpty || rest == "/"
            return ControlGroupPlace(
                path: "\(fields[4])\(isTop ? "" : rest)", isTop: isTop,
                isReadOnly: fields[5].split(separator: ",").contains("ro"))
        }
        return nil
    }
}
