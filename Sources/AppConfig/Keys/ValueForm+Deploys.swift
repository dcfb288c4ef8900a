import Model

extension ValueForm where Value == Double {
    /// `5%`, or `5`.
    static func percentage(_ example: String) -> ValueForm {
        .scalar("a percentage between 0 and 100", example: example) { text in
            Percentage.read(text).flatMap { $0 > 0 && $0 < 100 ? $0 : nil }
        }
    }
}

extension ValueForm where Value == Surge {
    static var surge: ValueForm {
        .scalar("a number of workers, a percentage of them such as 50%, or a size such as 1GB", example: "1") { text in
            if text.hasSuffix("%") {
                return Percentage.read(text).flatMap { $0 > 0 && $0 <= 100 ? .percent($0) : nil }
            }
            if let count = Int(text) { return (1...100_000).contains(count) ? .count(count) : nil }
            return ValueForm<Int>.parseSize(text).flatMap { $0 > 0 ? .bytes($0) : nil }
        }
    }
}

extension ValueForm where Value == Int? {
    static var connections: ValueForm {
        .scalar("a number of connections, or none", example: "100") { text in
            if text.lowercased() == "none" { return .some(nil) }
            return Int(text).flatMap { (1...1_000_000).contains($0) ? .some($0) : nil }
        }
    }
}

extension ValueForm where Value == Double? {
    static var latencyFactor: ValueForm {
        .scalar("a number from 1.1 to 1000, or none", example: "3") { text in
            if text.lowercased() == "none" { return .some(nil) }
            guard let value = Double(text), (1.1...1000).contains(value) else { return nil }
            return .some(value)
        }
    }
}

extension ValueForm where Value == String? {
    static var webhook: ValueForm {
        .scalar("an http or https address", example: "https://example.com/deploys") { text in
            let isAddress = ["http://", "https://"].contains {
                text.lowercased().hasPrefix($0) && text.count > $0.count
            }
            let isPlain = text.utf8.allSatisfy { $0 > 32 && $0 < 127 }
            return isAddress && isPlain && text.utf8.count <= 2000 ? .some(text) : nil
        }
    }
}

private enum Percentage {
    static func read(_ text: String) -> Double? {
        let number = text.hasSuffix("%") ? text.dropLast() : text[...]
        guard let value = Double(number.filter { $0 != " " }), value.isFinite else { return nil }
        return value
    }
}
