/// restart.txt as it was at some time.
package struct RestartFile: Sendable, Equatable, Codable {
    /// The restart directory that it lies in, as the order has it.
    package var directory: String
    /// Nil: it was not there.
    package var stamp: FileStamp?

    package init(directory: String, stamp: FileStamp?) {
        self.directory = directory
        self.stamp = stamp
    }
}
