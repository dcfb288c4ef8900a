/// Our side of one flow-control window: when to let the peer send more. Pure.
///
/// The window is given back as the bytes are consumed, so `target` bounds what is held here. It is given back in halves: one
/// WINDOW_UPDATE for many DATA frames.
struct InboundWindow {
    var target: Int
    /// What the peer may still send, as the frame layer counts it.
    var size: Int
    /// Delivered and not yet consumed.
    private(set) var held = 0

    /// Of every window until settings say otherwise (RFC 9113 section 6.9.2).
    static let initialSize = 65_535

    init(target: Int, size: Int) {
        self.target = target
        self.size = size
    }

    mutating func received(_ bytes: Int) { held += bytes }

    mutating func consumed(_ bytes: Int) { held = max(0, held - bytes) }

    /// How much to give back now, if it is worth a frame.
    mutating func increment() -> Int? {
        let missing = target - size - held
        guard missing > 0, missing >= target / 2 else { return nil }
        size += missing
        return missing
    }
}
