extension DecodingError {
    /// Where and what, as whoever wrote the JSON calls it: the default description speaks of the program's own types and names.
    package var inWords: String {
        switch self {
        case .typeMismatch(let type, let context): "expected \(words(type))\(place(context))"
        case .valueNotFound(let type, let context): "expected \(words(type)), not null,\(place(context))"
        case .keyNotFound(let key, let context): "\(wireName(key)) is missing\(place(context))"
        case .dataCorrupted(let context): "\(sentence(context))\(place(context))"
        @unknown default: "malformed JSON"
        }
    }

    private func sentence(_ context: Context) -> String {
        let text = context.debugDescription
        if text.hasPrefix("Cannot initialize "), let value = text.firstRange(of: " value ") {
            return "\(text[value.upperBound...]) is none of the choices"
        }
        // The library says that of a number too large for its place, too.
        if text.contains("not valid JSON") { return "no valid JSON, or a number in it is out of range" }
        return text.hasSuffix(".") ? String(text.dropLast()) : text
    }

    private func place(_ context: Context) -> String {
        context.codingPath.isEmpty ? "" : " at \(context.codingPath.map(wireName).joined(separator: "."))"
    }

    /// Lists have numbers for keys.
    private func wireName(_ key: any CodingKey) -> String {
        if let index = key.intValue { return "\(index)" }
        return key.stringValue.reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : "\($1)" }
    }

    private func words(_ type: any Any.Type) -> String {
        switch type {
        case is String.Type: "a string"
        case is Bool.Type: "true or false"
        case is any BinaryInteger.Type: "a whole number"
        case is any BinaryFloatingPoint.Type: "a number"
        case is [Any].Type: "a list"
        case is any RawRepresentable<String>.Type: "a string"
        default: "an object"
        }
    }
}
