internal import Glibc
package import Model

/// Becomes this user for good, with its groups and none of what root may (setuid(2), which is for good when root does it). Only for root; returns with nothing
/// changed, or not at all half-way: a process that could not give everything up must not go on.
package func becomeUser(_ user: PolicyUser) throws(SystemError) {
    let groups = user.groups.map { gid_t($0) }
    _ = try checked("setgroups", user.name) { setgroups(groups.count, groups) }
    let isDone = setgid(user.gid) == 0 && setuid(user.uid) == 0
    precondition(isDone && getuid() == user.uid && geteuid() == user.uid && getegid() == user.gid)
}

/// Goes on as another program with this environment (execve(2)); returns only when that failed.
package func executeProgram(path: String, arguments: [String], environment: [String]) -> SystemError {
    var argv = arguments.map { strdup($0) } + [nil]
    var envp = environment.map { strdup($0) } + [nil]
    execve(path, &argv, &envp)
    let error = SystemError(call: "execve", errno: errno, subject: path)
    for pointer in argv + envp { free(pointer) }
    return error
}
