package import Foundation
package import Model

/// `live.json`: what a server that starts has to boot.
package struct LiveRecord: Sendable, Equatable, Codable {
    package static let version = 1

    package var version = LiveRecord.version
    /// Nil until the first switch.
    package var live: ReleaseLocation?
    /// The configuration that `live` was booted with: used when the file on disk has become invalid.
    package var settings: AppSettings?
    package var switchedAt: Date?
    /// What a rollback would switch to without a boot.
    package var standby: ReleaseLocation?
    /// `passenger lock`: lasting, with its owner and reason.
    package var lock: Freeze?

    /// `passenger pause`: since when requests are held, and for how long each.
    package var pausedSince: Date?
    package var pauseHoldSeconds: Double?
    /// `passenger scale`: workers that the app is kept at.
    package var scale: Int?

    package init() {}
}

/// A human freeze of deploys; rollback ignores it.
package struct Freeze: Sendable, Equatable, Codable {
    package var message: String
    package var owner: String
    package var since: Date
    package init(message: String, owner: String, since: Date) {
        self.message = message
        self.owner = owner
        self.since = since
    }
}
