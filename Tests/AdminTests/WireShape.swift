import AdminAPI
import Model

/// What a type of the admin API looks like on the wire, as its own decoder tells: which members it asks for, of which types, and which
/// of them it can do without.
indirect enum Shape: Equatable {
    case string, integer, number, boolean
    case list(Shape)
    case map(Shape)
    case named(String)
}

/// All that the types given to it are made of, by name.
final class ShapeCatalogue {
    enum Definition: Equatable {
        case object([String: Shape], required: Set<String>)
        case choice([String])
        case single(Shape)
    }

    private(set) var definitions: [String: Definition] = [:]
    private var samples: [String: Any] = [:]
    /// Texts that decoders look at.
    private let texts: [String: String] = [
        "AppName": "a", "OperationID": "a", "WallTime": "1970-01-01T00:00:00.000Z",
    ]

    struct Unknown: Error { var type: String }

    func shape<Value: Decodable>(of type: Value.Type) throws -> Shape { try take(type).shape }
    /// With every member that it can have; lists are empty.
    func sample<Value: Decodable>(of type: Value.Type) throws -> Value { try take(type).sample }

    fileprivate func take<Value: Decodable>(_ type: Value.Type) throws -> (shape: Shape, sample: Value) {
        func sample(_ value: Any) throws -> Value {
            guard let value = value as? Value else { throw Unknown(type: "\(type)") }
            return value
        }
        switch type {
        case is String.Type: return (.string, try sample(""))
        case is Bool.Type: return (.boolean, try sample(false))
        case is Double.Type: return (.number, try sample(0.0))
        case let type as any (FixedWidthInteger & Decodable).Type: return (.integer, try sample(type.init(1)))
        case let type as any ListShape.Type: return (.list(try type.element(self)), try sample(type.none))
        case let type as any MapShape.Type: return (.map(try type.value(self)), try sample(type.none))
        default: break
        }
        let name = ShapeCatalogue.name(of: type)
        if let known = samples[name] { return (.named(name), try sample(known)) }
        let value: Any
        if let type = type as? any CaseIterable.Type, let (names, first) = ShapeCatalogue.choices(type) {
            definitions[name] = .choice(names)
            value = first
        } else {
            let decoder = ShapeDecoder(catalogue: self, text: texts[name] ?? "")
            value = try Value(from: decoder)
            definitions[name] =
                decoder.single.map { .single($0) }
                ?? .object(decoder.members, required: Set(decoder.members.keys).subtracting(decoder.optional))
        }
        samples[name] = value
        return (.named(name), try sample(value))
    }

    private static func choices(_ type: (some CaseIterable).Type) -> ([String], Any)? {
        let names = type.allCases.compactMap { ($0 as? any RawRepresentable)?.rawValue as? String }
        return type.allCases.first.map { (names, $0) }
    }

    /// Without its module: `GenerationStatus.State` is `GenerationStatusState`.
    private static func name(of type: Any.Type) -> String {
        String(reflecting: type).split(separator: ".").dropFirst().joined()
    }
}

private protocol ListShape {
    static var none: Any { get }
    static func element(_ catalogue: ShapeCatalogue) throws -> Shape
}

extension Array: ListShape where Element: Decodable {
    fileprivate static var none: Any { Self() }
    fileprivate static func element(_ catalogue: ShapeCatalogue) throws -> Shape {
        try catalogue.shape(of: Element.self)
    }
}

private protocol MapShape {
    static var none: Any { get }
    static func value(_ catalogue: ShapeCatalogue) throws -> Shape
}

extension Dictionary: MapShape where Key == String, Value: Decodable {
    fileprivate static var none: Any { Self() }
    fileprivate static func value(_ catalogue: ShapeCatalogue) throws -> Shape { try catalogue.shape(of: Value.self) }
}

/// Has whatever it is asked for, and writes it down.
private final class ShapeDecoder: Decoder {
    let catalogue: ShapeCatalogue
    let text: String
    var members: [String: Shape] = [:]
    var optional: Set<String> = []
    var single: Shape?
    let codingPath: [any CodingKey] = []
    let userInfo: [CodingUserInfoKey: Any] = [:]

    init(catalogue: ShapeCatalogue, text: String) {
        self.catalogue = catalogue
        self.text = text
    }

    func container<Key>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(Members(decoder: self))
    }
    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw ShapeCatalogue.Unknown(type: "a list") }
    func singleValueContainer() -> any SingleValueDecodingContainer { Single(decoder: self) }

    /// As `WireJSON` writes it.
    static func wireName(_ key: any CodingKey) -> String {
        key.stringValue.reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : "\($1)" }
    }

    struct Members<Key: CodingKey>: KeyedDecodingContainerProtocol {
        let decoder: ShapeDecoder
        let codingPath: [any CodingKey] = []
        let allKeys: [Key] = []

        /// Asked before a member that may be absent is decoded.
        func contains(_ key: Key) -> Bool {
            decoder.optional.insert(ShapeDecoder.wireName(key))
            return true
        }
        func decodeNil(forKey key: Key) -> Bool { false }
        func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
            let (shape, sample) = try decoder.catalogue.take(type)
            decoder.members[ShapeDecoder.wireName(key)] = shape
            return sample
        }
        func nestedContainer<Nested>(keyedBy: Nested.Type, forKey: Key) throws -> KeyedDecodingContainer<Nested> {
            throw ShapeCatalogue.Unknown(type: "a container in a container")
        }
        func nestedUnkeyedContainer(forKey: Key) throws -> any UnkeyedDecodingContainer {
            throw ShapeCatalogue.Unknown(type: "a list in a container")
        }
        func superDecoder() -> any Decoder { decoder }
        func superDecoder(forKey: Key) -> any Decoder { decoder }
    }

    struct Single: SingleValueDecodingContainer {
        let decoder: ShapeDecoder
        let codingPath: [any CodingKey] = []
        func decodeNil() -> Bool { false }
        func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
            let (shape, sample) = try decoder.catalogue.take(type)
            decoder.single = shape
            return (decoder.text as? Value) ?? sample
        }
    }
}
