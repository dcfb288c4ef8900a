package import Model

/// Writes Prometheus' text format, version 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format). All samples of a family come one after
/// the other, so whoever writes goes through the families, and for each through what has it.
package struct PrometheusText: Sendable {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    package enum Kind: String, Sendable { case counter, gauge, histogram }

    package private(set) var bytes: [UInt8] = []
    private var family: [UInt8] = []
    private var kind = Kind.gauge

    package init() {}

    /// Begins a family: the samples that follow are its. `help` is a line.
    package mutating func begin(_ name: StaticString, _ kind: Kind, _ help: StaticString) {
        family = Array("\(name)".utf8)
        self.kind = kind
        bytes += Array("# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n".utf8)
    }

    package mutating func sample(_ labels: Labels = Labels(), _ value: some BinaryInteger) {
        write(labels.bytes, [])
        bytes += Array(String(value).utf8)
        bytes.append(UInt8(ascii: "\n"))
    }

    package mutating func sample(_ labels: Labels = Labels(), _ value: Double) {
        write(labels.bytes, [])
        bytes += Array(PrometheusText.number(value).utf8)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// With the buckets that end at these of `DurationHistogram.bounds`, and the one without an end.
    package mutating func sample(_ labels: Labels, _ histogram: DurationHistogram, _ buckets: BucketChoice) {
        var all: UInt64 = 0
        var index = 0
        for (position, bucket) in buckets.positions.enumerated() {
            while index <= bucket, index < histogram.counts.count {
                all += histogram.counts[index]
                index += 1
            }
            write(labels.bytes, PrometheusText.bucketSuffix, buckets.labels[position])
            end(all)
        }
        while index < histogram.counts.count {
            all += histogram.counts[index]
            index += 1
        }
        write(labels.bytes, PrometheusText.bucketSuffix, BucketChoice.endless)
        end(all)
        write(labels.bytes, PrometheusText.sumSuffix)
        bytes += Array(PrometheusText.number(histogram.sumSeconds).utf8)
        bytes.append(UInt8(ascii: "\n"))
        write(labels.bytes, PrometheusText.countSuffix)
        end(all)
    }

    private static let bucketSuffix = Array("_bucket".utf8)
    private static let sumSuffix = Array("_sum".utf8)
    private static let countSuffix = Array("_count".utf8)

    private mutating func end(_ value: UInt64) {
        bytes += Array(String(value).utf8)
        bytes.append(UInt8(ascii: "\n"))
    }

    private mutating func write(_ labels: [UInt8], _ suffix: [UInt8], _ more: [UInt8] = []) {
        bytes += family
        bytes += suffix
        if !labels.isEmpty || !more.isEmpty {
            bytes.append(UInt8(ascii: "{"))
            bytes += labels
            if !labels.isEmpty, !more.isEmpty { bytes.append(UInt8(ascii: ",")) }
            bytes += more
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(UInt8(ascii: " "))
    }

    /// As Go's ParseFloat reads it.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : "\(value)"
    }
}

/// Labels of a sample, written once for all samples that have them.
package struct Labels: Sendable {
    fileprivate private(set) var bytes: [UInt8] = []

    package init() {}

    package init(_ name: StaticString, _ value: String) { self = Labels().adding(name, value) }

    /// A label that is empty is the same as none.
    package func adding(_ name: StaticString, _ value: String?) -> Labels {
        guard let value, !value.isEmpty else { return self }
        var labels = self
        if !bytes.isEmpty { labels.bytes.append(UInt8(ascii: ",")) }
        labels.bytes += Array("\(name)=\"".utf8)
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\\"), UInt8(ascii: "\""): labels.bytes += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): labels.bytes += Array("\\n".utf8)
            default: labels.bytes.append(byte)
            }
        }
        labels.bytes.append(UInt8(ascii: "\""))
        return labels
    }
}

/// Which of a histogram's buckets are told: all of them would be a time series each.
package struct BucketChoice: Sendable {
    fileprivate static let endless = Array("le=\"+Inf\"".utf8)
    /// Indices of bounds.
    fileprivate let positions: [Int]
    fileprivate let labels: [[UInt8]]

    /// - Parameter seconds: each one of the histogram's bounds, in ascending order.
    package init(seconds: [Double]) {
        positions = seconds.map { second in
            guard let position = DurationHistogram.boundSeconds.firstIndex(of: second) else {
                preconditionFailure("\(second) s is no bound of the histograms")
            }
            return position
        }
        labels = seconds.map { Array("le=\"\(PrometheusText.number($0))\"".utf8) }
    }
}
