/// What is said over the packet socket to `passenger-launch measure`: integers of this machine, as in measure.c.
enum MeterWire {
    /// Pids in one question.
    static let mostRoots = 1024

    static func question(_ roots: [Int32]) -> [UInt8] {
        roots.flatMap { root in withUnsafeBytes(of: root) { Array($0) } }
    }

    /// Nil for what is no answer.
    static func answer(_ bytes: UnsafeRawBufferPointer) -> (root: Int32, figures: MemoryFigures)? {
        let size = MemoryLayout<Int64>.size
        guard bytes.count == 8 * size else { return nil }
        let values = (0..<8).map { Int(clamping: bytes.loadUnaligned(fromByteOffset: $0 * size, as: Int64.self)) }
        guard values.allSatisfy({ $0 >= 0 }) else { return nil }
        return (
            Int32(truncatingIfNeeded: values[0]),
            MemoryFigures(
                privateBytes: values[3], sharedBytes: values[4], proportionalBytes: values[5], swapBytes: values[6],
                processes: values[1], isExact: values[2] == 1, cpuMicroseconds: values[7])
        )
    }
}
