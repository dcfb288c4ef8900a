internal import Glibc
package import Model

/// A user with all groups, from getpwnam_r(3) and getgrouplist(3). Nil when there is no such user.
package func lookUpUser(name: String) throws(SystemError) -> PolicyUser? {
    try lookUp(name) { getpwnam_r(name, $0, $1, $2, $3) }
}

package func lookUpUser(uid: UInt32) throws(SystemError) -> PolicyUser? {
    try lookUp("\(uid)") { getpwuid_r(uid, $0, $1, $2, $3) }
}

private typealias PasswordLookUp = (
    UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int, UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
) -> Int32

private func lookUp(_ subject: String, _ call: PasswordLookUp) throws(SystemError) -> PolicyUser? {
    var size = 4 << 10
    while true {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: size)
        var user: PolicyUser?
        let error = buffer.withUnsafeMutableBufferPointer { buffer in
            let error = call(&entry, buffer.baseAddress!, buffer.count, &found)
            // The entry points into the buffer: read it while that is pinned.
            if error == 0, found != nil { user = policyUser(entry) }
            return error
        }
        switch error {
        case 0: return user
        case ERANGE where size < 1 << 20: size *= 4
        case EINTR: continue
        // getpwnam(3): these all mean "not found" with some name service.
        case ENOENT, ESRCH, EBADF, EPERM: return nil
        default: throw SystemError(call: "getpwnam", errno: error, subject: subject)
        }
    }
}

private func policyUser(_ entry: passwd) -> PolicyUser {
    var count: Int32 = 64
    var groups = [gid_t](repeating: 0, count: Int(count))
    while getgrouplist(entry.pw_name, entry.pw_gid, &groups, &count) < 0, Int(count) > groups.count {
        groups = [gid_t](repeating: 0, count: Int(count))
    }
    return PolicyUser(
        name: String(cString: entry.pw_name), uid: entry.pw_uid, gid: entry.pw_gid,
        groups: Array(groups.prefix(Int(count))))
}
