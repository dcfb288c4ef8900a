import Model

/// How many requests at a time a generation has lately had, sampled by the shell's timer: over a window of minutes that
/// sees all but what no worker is kept for.
///
/// The window is a ring of parts, and each part has to be watched: time in which the timer did not run (a process that was
/// stopped, a machine that slept) passes for nothing.
struct DemandWatch {
    private static let parts = 8

    /// Greatest number seen in each part.
    private var peaks = [Int](repeating: 0, count: DemandWatch.parts)
    private var part = 0
    private var partBegan: Instant?
    private var watchedParts = 0
    private var fullSince: Instant?

    /// - Parameters:
    ///   - inFlight: 1 at least if there was any request since the sample before.
    ///   - isFull: no worker could take another request.
    mutating func observe(_ inFlight: Int, isFull: Bool, at now: Instant, window: Duration) {
        fullSince = isFull ? fullSince ?? now : nil
        if let began = partBegan, now - began >= window / DemandWatch.parts {
            part = (part + 1) % DemandWatch.parts
            peaks[part] = 0
            partBegan = now
            watchedParts = min(watchedParts + 1, DemandWatch.parts)
        }
        partBegan = partBegan ?? now
        peaks[part] = max(peaks[part], inFlight)
    }

    /// Nil until a whole window was watched.
    var peak: Int? { watchedParts < DemandWatch.parts ? nil : peaks.max() }

    /// Of this part of the window and the one before.
    var recentPeak: Int { max(peaks[part], peaks[(part + DemandWatch.parts - 1) % DemandWatch.parts]) }

    /// How long every worker has had all that it takes.
    func fullFor(_ now: Instant) -> Duration { fullSince.map { now - $0 } ?? .zero }
}
