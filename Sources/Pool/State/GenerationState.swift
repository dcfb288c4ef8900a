/// A generation's life.
///
///     booting ──> proved ──> live <──> standby ──> draining ──> gone
///        │           └────────│───────────────────────^ ^
///        └────────────────────│─────────────────────────┘   (failed, aborted, discarded)
///                             └── only when its app is removed, or at shutdown
package enum GenerationState: String, Sendable, Codable, CaseIterable {
    /// Not every worker has proved itself yet. Gets no request.
    case booting
    /// Every worker proved itself; waits for the switch.
    case proved
    /// In the routing table.
    case live
    /// Was live; kept, whole or parked, for a rollback.
    case standby
    /// Gets no request ever again; its workers stop as they become idle, at the deadline in any case.
    case draining
    /// Every worker has exited. Forgotten.
    case gone

    func mayBecome(_ next: GenerationState) -> Bool {
        switch (self, next) {
        case (.booting, .proved), (.booting, .live), (.proved, .live), (.live, .standby), (.standby, .live): true
        case (.booting, .draining), (.proved, .draining), (.live, .draining), (.standby, .draining): true
        case (.draining, .gone): true
        default: false
        }
    }

    /// Dead workers are replaced, and the target is kept.
    var keepsWorkers: Bool { self != .draining && self != .gone }
}
