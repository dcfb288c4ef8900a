import Glibc

/// The text of a configuration file, read with the limits that files of other people call for.
struct ConfigFile {
    /// No configuration is nearly as long; a mistaken path, or somebody's malice, is.
    static let maximumSize = 1 << 20

    var path: String
    var text: String
    /// User id of the file's owner.
    var owner: UInt32

    /// Nil when there is no such file.
    static func read(_ place: ConfigPlace, path: String) throws(ConfigError) -> ConfigFile? {
        // O_NONBLOCK: opening a FIFO must not wait for its writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw unreadable(place, errno)
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw unreadable(place, errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw ConfigError(ConfigProblem(at: place, "not a regular file"))
        }
        let bytes = try readAll(descriptor, place)
        return ConfigFile(path: path, text: try decode(bytes, place), owner: status.st_uid)
    }

    private static func readAll(_ descriptor: Int32, _ place: ConfigPlace) throws(ConfigError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(place, errno) }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= maximumSize else {
                throw ConfigError(
                    ConfigProblem(at: place, "longer than 1 MiB", hint: "A configuration file is never that long."))
            }
        }
    }

    private static func decode(_ bytes: [UInt8], _ place: ConfigPlace) throws(ConfigError) -> String {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let body = bytes.starts(with: mark) ? bytes[mark.count...] : bytes[...]
        if let text = String(validating: body, as: UTF8.self) { return text }
        throw ConfigError(ConfigProblem(at: place, "not UTF-8 text"))
    }

    private static func unreadable(_ place: ConfigPlace, _ code: Int32) -> ConfigError {
        ConfigError(ConfigProblem(at: place, "cannot be read: \(String(cString: strerror(code)))"))
    }
}
