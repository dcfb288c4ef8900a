import Foundation

/// What the core writes to a watcher, one JSON object a line.
package struct WatcherOrder: Sendable, Equatable, Codable {
    /// Which app it is about; events carry it too.
    package var app: String?
    /// The app's root, absolute: it is watched from here on, or anew.
    package var directory: String?
    /// With it: the restart directory, relative to the root or absolute.
    package var restartDirectory: String?
    /// With it: the baseline, where it is not the first look. Of another directory it counts for nothing.
    package var known: RestartFile?
    /// With it: whether changes of the app's code ask for a restart, too. Nil: never.
    package var sources: Sources?
    /// The outcome of a restart, for `restart.result`.
    package var writeResult: String?
    /// The app is not watched any more.
    package var forget: Bool?

    package enum Sources: String, Sendable, Codable {
        /// While there is an `always_restart.txt` beside restart.txt.
        case ifAsked = "if_asked"
        case always
    }

    private enum CodingKeys: String, CodingKey {
        case app
        case directory
        case restartDirectory = "restart_dir"
        case known
        case sources
        case writeResult = "write_result"
        case forget
    }

    package static func watch(
        _ app: String, directory: String, restartDirectory: String, known: RestartFile? = nil, sources: Sources? = nil
    ) -> WatcherOrder {
        WatcherOrder(
            app: app, directory: directory, restartDirectory: restartDirectory, known: known, sources: sources)
    }
    package static func writeResult(_ app: String, _ text: String) -> WatcherOrder {
        WatcherOrder(app: app, writeResult: text)
    }
    package static func forget(_ app: String) -> WatcherOrder { WatcherOrder(app: app, forget: true) }
}

/// What a watcher writes to the core, one JSON object a line.
package struct WatcherEvent: Sendable, Equatable, Codable {
    package enum Kind: String, Sendable, Codable {
        /// The baseline is taken: from here on a change counts.
        case watching
        case restart
        case resultWritten = "result_written"
        /// For the log; the watcher goes on.
        case problem
    }
    package var event: Kind
    package var app: String?
    /// With `watching` the baseline, with `restart` what it asks for; nil when the app's code has changed.
    package var file: RestartFile?
    /// With `restart`: what has happened.
    package var message: String?

    package init(_ event: Kind, app: String? = nil, file: RestartFile? = nil, message: String? = nil) {
        self.event = event
        self.app = app
        self.file = file
        self.message = message
    }
}

/// JSON lines in both directions.
package enum WatcherWire {
    package static func line(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try [UInt8](encoder.encode(value)) + [UInt8(ascii: "\n")]
    }

    /// Nil for a line that is none of ours.
    package static func decode<Value: Decodable>(_ type: Value.Type, _ line: some Sequence<UInt8>) -> Value? {
        try? JSONDecoder().decode(type, from: Data(line))
    }
}
