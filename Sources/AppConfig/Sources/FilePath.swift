import Glibc

/// Plain text operations on paths, and the few questions about files that configuration asks. Lexical unless it says
/// otherwise: `..` is taken away without looking at links.
enum FilePath {
    enum Kind: Equatable { case file, directory, other }

    /// `path` itself when absolute, else below `base`.
    static func join(_ base: String, _ path: String) -> String {
        normalized(path.hasPrefix("/") ? path : base + "/" + path)
    }

    /// Without empty, `.` and `..` components and without a slash at the end. Relative paths stay relative.
    static func normalized(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == "..", let last = parts.last, last != ".." {
                parts.removeLast()
            } else if part != ".." || !path.hasPrefix("/") {
                parts.append(part)
            }
        }
        let joined = parts.joined(separator: "/")
        return path.hasPrefix("/") ? "/" + joined : (joined.isEmpty ? "." : joined)
    }

    static func parent(_ path: String) -> String { join(path, "..") }

    static func lastComponent(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? "/"
    }

    /// Whether `path` is `directory` or lies below it.
    static func isInside(_ path: String, _ directory: String) -> Bool {
        let path = normalized(path)
        let directory = normalized(directory)
        return path == directory || directory == "/" || path.hasPrefix(directory + "/")
    }

    /// Nil when there is nothing, or nothing that we may see. Follows links.
    static func kind(_ path: String) -> Kind? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file
        case S_IFDIR: return .directory
        default: return .other
        }
    }

    static func isFile(_ path: String) -> Bool { kind(path) == .file }

    static func isExecutableFile(_ path: String) -> Bool { isFile(path) && access(path, X_OK) == 0 }

    static func isSymbolicLink(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }

    /// What a symbolic link says; nil when it is none.
    static func linkTarget(_ path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer.prefix(count), as: UTF8.self) : nil
    }

    /// User id of the owner, links followed.
    static func owner(_ path: String) -> UInt32? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_uid : nil
    }

    /// realpath(3): absolute, without links; nil when the path does not exist.
    static func resolved(_ path: String) -> String? {
        guard let pointer = realpath(path, nil) else { return nil }
        defer { free(pointer) }
        return String(cString: pointer)
    }

    /// Home directory of this process's user, as passwd(5) has it.
    static func home() -> String? {
        guard let entry = getpwuid(geteuid()), let home = entry.pointee.pw_dir else { return nil }
        return String(cString: home)
    }

    static func workingDirectory() -> String? {
        guard let pointer = getcwd(nil, 0) else { return nil }
        defer { free(pointer) }
        return String(cString: pointer)
    }
}
