import Glibc

/// Which releases running processes live in: shells, consoles, cron jobs, companions that nobody told us about.
package enum ProcessUse {
    /// Each release with a process whose working directory or program lies inside. Of other users' processes the kernel
    /// tells nothing, except to root: so the builder asks, and the core before it.
    package static func releases(of rootPath: String) -> [ReleaseName: Int32] {
        guard let real = realpath(rootPath, nil) else { return [:] }
        defer { free(real) }
        let prefix = String(cString: real) + "/releases/"
        var used: [ReleaseName: Int32] = [:]
        guard let proc = opendir("/proc") else { return [:] }
        defer { closedir(proc) }
        while let entry = readdir(proc) {
            let text = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let pid = Int32(text) else { continue }
            for link in ["cwd", "exe"] {
                if let name = release(in: target(of: "/proc/\(pid)/\(link)"), under: prefix) { used[name] = pid }
            }
        }
        return used
    }

    static func release(in path: String?, under prefix: String) -> ReleaseName? {
        guard let path, path.hasPrefix(prefix) else { return nil }
        return ReleaseName(String(path.dropFirst(prefix.count).prefix { $0 != "/" }))
    }

    private static func target(of link: String) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(link, &buffer, buffer.count)
        guard count > 0 else { return nil }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
