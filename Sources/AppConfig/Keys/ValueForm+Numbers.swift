extension ValueForm where Value == Int {
    /// - Parameter zeroIsUnlimited: zero then exceeds every limit.
    static func integer(_ range: ClosedRange<Int>, _ example: Int, zeroIsUnlimited: Bool = false) -> ValueForm {
        let expected =
            range.upperBound == .max
            ? "a whole number of at least \(range.lowerBound)"
            : "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return .scalar(expected, example: "\(example)", exceeds: Limit.exceeds(zeroIsUnlimited)) { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// Bytes: `64KB`, `1GB`; units are powers of 1024, as everywhere in Passenger.
    static func size(_ example: String, zeroIsUnlimited: Bool = false) -> ValueForm {
        .scalar(
            "a size: 64KB, 1GB, or a number of bytes", example: example, exceeds: Limit.exceeds(zeroIsUnlimited),
            parse: parseSize)
    }

    static func parseSize(_ text: String) -> Int? {
        guard let (number, unit) = Quantity.split(text) else { return nil }
        let shift: Int
        switch unit.lowercased() {
        case "", "b": shift = 0
        case "k", "kb", "kib": shift = 10
        case "m", "mb", "mib": shift = 20
        case "g", "gb", "gib": shift = 30
        case "t", "tb", "tib": shift = 40
        default: return nil
        }
        return Quantity.scaled(number, by: Double(1 << shift), limit: Double(1 << 60)).map { Int($0) }
    }
}

extension ValueForm where Value == Double {
    static func number(_ range: ClosedRange<Double>, _ example: String) -> ValueForm {
        .scalar("a number from \(range.lowerBound) to \(range.upperBound)", example: example, exceeds: { $0 > $1 }) {
            text in
            guard let (number, unit) = Quantity.split(text), unit.isEmpty, range.contains(number) else { return nil }
            return number
        }
    }
}

extension ValueForm where Value == Duration {
    static func duration(_ example: String, zeroIsUnlimited: Bool = false) -> ValueForm {
        .scalar(
            "a duration: 500ms, 30s, 10m, 2h, or a number of seconds", example: example,
            exceeds: Limit.exceeds(zeroIsUnlimited), parse: parseDuration)
    }

    /// For what could never succeed, or would never rest, with nothing.
    static func positiveDuration(_ example: String) -> ValueForm {
        .scalar(
            "a duration of at least 1ms: 500ms, 30s, 10m, 2h, or a number of seconds", example: example,
            exceeds: Limit.exceeds(false)
        ) { text in
            parseDuration(text).flatMap { $0 > .zero ? $0 : nil }
        }
    }

    /// Up to ten years, so that no arithmetic on it can overflow.
    static func parseDuration(_ text: String) -> Duration? {
        guard let (number, unit) = Quantity.split(text) else { return nil }
        let milliseconds: Double
        switch unit.lowercased() {
        case "ms": milliseconds = 1
        case "", "s", "sec": milliseconds = 1000
        case "m", "min": milliseconds = 60_000
        case "h": milliseconds = 3_600_000
        case "d": milliseconds = 86_400_000
        default: return nil
        }
        return Quantity.scaled(number, by: milliseconds, limit: 3650 * 86_400_000.0).map { .milliseconds(Int64($0)) }
    }
}

private enum Limit {
    static func exceeds<Value: Comparable & AdditiveArithmetic & SendableMetatype>(
        _ zeroIsUnlimited: Bool
    ) -> @Sendable (Value, Value) -> Bool {
        { value, limit in
            if zeroIsUnlimited, value == .zero || limit == .zero { return value == .zero && limit != .zero }
            return value > limit
        }
    }
}

/// A number with a unit behind it.
private enum Quantity {
    /// `1.5 GB` -> (1.5, "GB"). Digits with at most one point: no signs, exponents, `nan` or hexadecimal.
    static func split(_ text: String) -> (number: Double, unit: String)? {
        let digits = text.prefix { ("0"..."9").contains($0) || $0 == "." }
        guard digits.contains(where: { $0 != "." }), digits.utf8.count <= 20, let number = Double(digits) else {
            return nil
        }
        let unit = text.dropFirst(digits.count).drop { $0 == " " }
        return (number, String(unit))
    }

    static func scaled(_ number: Double, by factor: Double, limit: Double) -> Double? {
        let value = (number * factor).rounded()
        return value <= limit ? value : nil
    }
}
