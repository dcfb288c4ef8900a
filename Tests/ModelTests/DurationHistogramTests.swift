import Model
import Testing

struct DurationHistogramTests {
    @Test func `each duration is in the first bucket whose bound is not below it`() {
        #expect(DurationHistogram.bounds == DurationHistogram.bounds.sorted())
        for (index, bound) in DurationHistogram.bounds.enumerated() {
            var histogram = DurationHistogram()
            histogram.add(nanoseconds: bound)
            histogram.add(nanoseconds: bound + 1)
            #expect(histogram.counts[index] == 1 && histogram.counts[index + 1] == 1, "\(bound)")
        }
        var odd = DurationHistogram()
        for nanoseconds in [Int64.min, -1, 0, .max] { odd.add(nanoseconds: nanoseconds) }
        #expect(odd.counts.first == 3 && odd.counts.last == 1 && odd.count == 4)
        #expect(odd.sumSeconds == Double(Int64.max) / 1e9)
    }

    @Test func `sums and differences are those of the buckets`() {
        var (first, second) = (DurationHistogram(), DurationHistogram())
        for milliseconds in [1, 2, 40] { first.add(.milliseconds(milliseconds)) }
        second += first
        #expect(second == first)
        for milliseconds in [3, 70_000] { second.add(.milliseconds(milliseconds)) }
        let difference = second.since(first)
        #expect(difference.count == 2 && abs(difference.sumSeconds - 70.003) < 1e-9)
        // Of another core's.
        #expect(first.since(second).count == 0 && DurationHistogram().since(first).count == 0)
        #expect(first.since(DurationHistogram()) == first)
    }

    @Test func `a quantile lies in its bucket`() {
        var histogram = DurationHistogram()
        #expect(histogram.quantile(0.5) == nil)
        for _ in 0..<90 { histogram.add(.microseconds(1200)) }
        for _ in 0..<9 { histogram.add(.milliseconds(250)) }
        histogram.add(.seconds(3600))
        func lies(_ quantile: Double, _ range: ClosedRange<Double>) -> Bool {
            histogram.quantile(quantile).map { range.contains($0) } ?? false
        }
        #expect(lies(0, 0.001...0.0015) && lies(0.5, 0.001...0.0015) && lies(0.9, 0.001...0.0015))
        #expect(lies(0.95, 0.2...0.3) && lies(0.99, 0.2...0.3))
        #expect(histogram.quantile(1) == 600)
    }
}
