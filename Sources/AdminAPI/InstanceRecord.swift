package import Model

/// `instance.json` in an instance's runtime directory: how commands find the server that serves an app.
package struct InstanceRecord: Sendable, Codable, Equatable {
    package var name: String
    /// The supervisor's.
    package var pid: Int32
    /// Field 22 of /proc/PID/stat: tells the supervisor from a later process with the same pid.
    package var startTime: UInt64
    package var version: String
    /// Absolute path of the admin socket.
    package var adminSocket: String
    package var apps: [App]
    package var listen: [String]

    package struct App: Sendable, Codable, Equatable {
        package var name: AppName
        /// Absolute, links resolved.
        package var root: String
        /// It comes from a directory of apps; nil when it does not, and of servers that do not tell.
        package var isEntry: Bool?
        package init(name: AppName, root: String, isEntry: Bool = false) {
            self.name = name
            self.root = root
            self.isEntry = isEntry ? true : nil
        }
    }

    package init(
        name: String, pid: Int32, startTime: UInt64, version: String, adminSocket: String, apps: [App],
        listen: [String]
    ) {
        self.name = name
        self.pid = pid
        self.startTime = startTime
        self.version = version
        self.adminSocket = adminSocket
        self.apps = apps
        self.listen = listen
    }
}
