import HTTP1

/// The directives of Cache-Control (RFC 9111 section 5.2) of a request or a response; unknown ones are left out.
struct CacheControl: Equatable {
    var noStore = false
    /// Also in its form that names fields: telling those apart is for caches that revalidate.
    var noCache = false
    /// Also in its form that names fields.
    var isPrivate = false
    var mustUnderstand = false
    var onlyIfCached = false
    /// Seconds, as the next two.
    var maxAge: Int?
    var sharedMaxAge: Int?
    var minFresh: Int?
    /// A number that is none, or two that differ: whoever sent it wants something that we do not know.
    var isMalformed = false

    init() {}

    init(_ fields: ContiguousArray<HeaderField>, _ bytes: UnsafeRawBufferPointer) {
        for field in fields where field.id == .cacheControl {
            FieldText.forEachElement(field.value.of(bytes)) { add($0) }
        }
    }

    private mutating func add(_ element: UnsafeRawBufferPointer) {
        let (name, value) = FieldText.split(element, at: UInt8(ascii: "="))
        func isName(_ text: StaticString) -> Bool { FieldText.equal(name, text) }
        if isName("max-age") {
            set(\.maxAge, value)
        } else if isName("s-maxage") {
            set(\.sharedMaxAge, value)
        } else if isName("min-fresh") {
            set(\.minFresh, value)
        } else if isName("no-store") {
            noStore = true
        } else if isName("no-cache") {
            noCache = true
        } else if isName("private") {
            isPrivate = true
        } else if isName("must-understand") {
            mustUnderstand = true
        } else if isName("only-if-cached") {
            onlyIfCached = true
        }
    }

    private mutating func set(_ directive: WritableKeyPath<CacheControl, Int?>, _ value: UnsafeRawBufferPointer?) {
        guard let seconds = value.flatMap(Self.seconds), self[keyPath: directive].map({ $0 == seconds }) ?? true else {
            isMalformed = true
            return
        }
        self[keyPath: directive] = seconds
    }

    /// A number, maybe in quotes (RFC 9111 section 5.2: recipients accept both).
    private static func seconds(_ value: UnsafeRawBufferPointer) -> Int? {
        let quote = UInt8(ascii: "\"")
        guard value.count > 2, value.first == quote, value.last == quote else { return FieldText.number(value) }
        return FieldText.number(UnsafeRawBufferPointer(rebasing: value[1..<(value.count - 1)]))
    }
}
