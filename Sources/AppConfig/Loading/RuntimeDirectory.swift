/// Where sockets and everything else that is gone with the server are kept, when `runtime_dir` does not say.
enum RuntimeDirectory {
    /// Never bare /tmp: anybody could be there first. Nil when the user has no home to fall back to.
    /// - Parameter lingers: whether the user's systemd instance outlives their sessions. Otherwise XDG_RUNTIME_DIR is
    ///   removed under our feet at logout.
    static func standard(userID: UInt32, environment: [String: String], lingers: Bool) -> String? {
        if userID == 0 { return "/run/passenger" }
        if let directory = fromService(environment) { return directory }
        if lingers, let directory = environment["XDG_RUNTIME_DIR"], directory.hasPrefix("/") {
            return FilePath.join(directory, "passenger")
        }
        guard let home = environment["HOME"], home.hasPrefix("/") else { return nil }
        return FilePath.join(home, ".local/state/passenger/run")
    }

    /// What a unit with `User=` and `RuntimeDirectory=` was given: the first of its directories (systemd.exec(5)).
    private static func fromService(_ environment: [String: String]) -> String? {
        guard let first = environment["RUNTIME_DIRECTORY"]?.split(separator: ":").first, first.hasPrefix("/") else {
            return nil
        }
        return String(first)
    }

    /// systemd-logind notes lingering users here (loginctl(1), enable-linger).
    static func lingers(environment: [String: String]) -> Bool {
        guard let user = environment["USER"] ?? environment["LOGNAME"], !user.isEmpty, !user.contains("/") else {
            return false
        }
        return FilePath.isFile("/var/lib/systemd/linger/\(user)")
    }
}
