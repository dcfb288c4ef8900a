internal import CLinux
internal import Glibc

/// Access lists of files (acl(5)): rights of further users than the owner.
package enum AccessList {
    /// Gives these users the owner's rights to an open file or directory, and to what will be made in the directory. False,
    /// and nothing is changed, when there is a list already: whoever made that has decided. ENOTSUP where the file system
    /// has none.
    @discardableResult
    package static func grant(_ fd: Int32, to users: [UInt32]) throws(SystemError) -> Bool {
        var status = stat()
        _ = try checked("fstat") { fstat(fd, &status) }
        let isDirectory = status.st_mode & S_IFMT == S_IFDIR
        let names = ["system.posix_acl_access"] + (isDirectory ? ["system.posix_acl_default"] : [])
        guard !names.contains(where: { (name: String) in cl_attribute_exists(fd, name) == 1 }) else { return false }
        let list = encode(mode: UInt32(status.st_mode), users: users)
        for name in names {
            _ = try checked("fsetxattr", name) { cl_set_attribute(fd, name, list, list.count) }
        }
        return true
    }

    /// The kernel's form (linux/posix_acl_xattr.h): version 2, then tag, rights and id of each entry, little-endian, in the
    /// order of the tags and the ids.
    static func encode(mode: UInt32, users: [UInt32]) -> [UInt8] {
        let (owner, group, others) = (mode >> 6 & 7, mode >> 3 & 7, mode & 7)
        let noID = UInt32.max
        var entries: [(tag: UInt32, rights: UInt32, id: UInt32)] = [(0x01, owner, noID)]
        entries += Set(users).sorted().map { (0x02, owner, $0) }
        // The mask is what the owner may: it bounds all but owner and others.
        entries += [(0x04, group, noID), (0x10, owner | group, noID), (0x20, others, noID)]
        var bytes: [UInt8] = [2, 0, 0, 0]
        for entry in entries {
            bytes += withUnsafeBytes(of: UInt16(entry.tag).littleEndian) { Array($0) }
            bytes += withUnsafeBytes(of: UInt16(entry.rights).littleEndian) { Array($0) }
            bytes += withUnsafeBytes(of: entry.id.littleEndian) { Array($0) }
        }
        return bytes
    }
}
