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
    package private(set) var standby: ReleaseLocation?
    /// Since when it is kept; nil: by a version that did not write it down.
    package private(set) var standbySince: Date?
    /// What was live before, the last one first, at most `formerLimit`.
    package private(set) var former: [FormerRelease]?
    /// `passenger lock`: lasting, with its owner and reason.
    package var lock: Freeze?

    /// `passenger pause`: since when requests are held, and for how long each.
    package var pausedSince: Date?
    package var pauseHoldSeconds: Double?
    /// `passenger scale`: workers that the app is kept at.
    package var scale: Int?

    package init() {}

    private static let formerLimit = 8

    package mutating func becomeLive(_ release: ReleaseLocation?, _ settings: AppSettings, at date: Date) {
        if let before = live, before != release {
            let others = (former ?? []).filter { $0.release != release && $0.release != before }
            former = Array(([FormerRelease(release: before, until: date)] + others).prefix(Self.formerLimit))
        }
        live = release
        self.settings = settings
    }

    /// The same one as before is kept since it was first.
    package mutating func keep(standby release: ReleaseLocation?, at date: Date) {
        guard release != standby else { return }
        standby = release
        standbySince = release.map { _ in date }
    }
}

/// Pages of it may still be open in browsers.
package struct FormerRelease: Sendable, Equatable, Codable {
    package var release: ReleaseLocation
    /// When another one took its place.
    package var until: Date
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
