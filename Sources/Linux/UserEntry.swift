internal import Glibc

/// What passwd(5) says of a user beyond ids.
package struct UserEntry: Sendable, Equatable {
    package var name: String
    package var home: String
    package var shell: String
}

/// Nil when there is no such user.
package func lookUpEntry(name: String) -> UserEntry? { find { getpwnam_r(name, $0, $1, $2, $3) } }

package func lookUpEntry(uid: UInt32) -> UserEntry? { find { getpwuid_r(uid, $0, $1, $2, $3) } }

private func find(
    _ look: (
        UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
        UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
    ) -> Int32
) -> UserEntry? {
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: 64 << 10)
    return buffer.withUnsafeMutableBufferPointer { buffer in
        // The entry points into the buffer: read it while that is pinned.
        guard look(&entry, buffer.baseAddress!, buffer.count, &found) == 0, found != nil else { return nil }
        return UserEntry(
            name: String(cString: entry.pw_name), home: String(cString: entry.pw_dir),
            shell: String(cString: entry.pw_shell))
    }
}

/// Nil when there is no such group.
package func groupName(gid: UInt32) -> String? {
    var entry = group()
    var found: UnsafeMutablePointer<group>?
    // Holds the names of all members: large groups are not unheard of.
    var buffer = [CChar](repeating: 0, count: 256 << 10)
    return buffer.withUnsafeMutableBufferPointer { buffer in
        guard getgrgid_r(gid, &entry, buffer.baseAddress!, buffer.count, &found) == 0, found != nil else { return nil }
        return String(cString: entry.gr_name)
    }
}
