package import Foundation

/// What people have set by `pause` and `scale`, where there is no `live.json` that would tell it.
package struct CapacityRecord: Sendable, Equatable, Codable {
    package var pausedSince: Date?
    package var pauseHoldSeconds: Double?
    package var scale: Int?

    package init(pausedSince: Date? = nil, pauseHoldSeconds: Double? = nil, scale: Int? = nil) {
        self.pausedSince = pausedSince
        self.pauseHoldSeconds = pauseHoldSeconds
        self.scale = scale
    }

    init(_ live: LiveRecord) {
        self.init(pausedSince: live.pausedSince, pauseHoldSeconds: live.pauseHoldSeconds, scale: live.scale)
    }
}
