/// A parsed request head: ranges over the received bytes, and what framing and forwarding need, worked out while parsing.
///
/// One value is reused for all requests of a connection: `reset()` keeps its storage, so a request allocates nothing.
package struct RequestHead: Sendable {
    package var method: Method = .other
    package var methodRange = ByteRange.empty
    package var targetForm: TargetForm = .origin
    /// The target as received.
    package var target = ByteRange.empty
    /// Raw path, never decoded. Starts with `/`; empty only for an absolute-form target without one (means `/`) and for
    /// authority-form; `*` for asterisk-form. Its percent escapes are well formed and none of them is %00.
    package var path = ByteRange.empty
    /// Without the question mark.
    package var query = ByteRange.empty
    /// A target that ends with `?` has a query, an empty one.
    package var hasQuery = false
    /// 0 or 1; a higher minor version counts as 1 (RFC 9110 section 2.5).
    package var versionMinor: UInt8 = 1
    package var fields: ContiguousArray<HeaderField> = []
    package var body: BodyFraming = .none
    /// The client may send another request after this one.
    package var keepAlive = true
    package var expectContinue = false
    /// `Connection: upgrade` and an Upgrade field, in HTTP/1.1. The protocol asked for is in `upgradeProtocol`.
    package var upgrade = false
    package var upgradeProtocol = ByteRange.empty
    /// Host and port of the absolute-form target, else of the Host field (RFC 9112 section 3.2.2). Empty in HTTP/1.0
    /// without either.
    package var host = ByteRange.empty
    /// `host` without its port.
    package var hostName = ByteRange.empty
    /// Connection names fields other than the ones that never pass anyway; writers then compare every name.
    package var connectionNamesFields = false
    package var hasUnderscoreHeader = false
    /// Two fields may have the same name (never false when they do): writers then look for them and join their values.
    package var mayRepeatFields = false
    /// The well-known fields that are there.
    package var known = FieldSet()

    package init() {}

    /// As new, except that the storage is kept.
    package mutating func reset() {
        method = .other
        methodRange = .empty
        targetForm = .origin
        target = .empty
        path = .empty
        query = .empty
        hasQuery = false
        versionMinor = 1
        fields.removeAll(keepingCapacity: true)
        body = .none
        keepAlive = true
        expectContinue = false
        upgrade = false
        upgradeProtocol = .empty
        host = .empty
        hostName = .empty
        connectionNamesFields = false
        hasUnderscoreHeader = false
        mayRepeatFields = false
        known = FieldSet()
    }

    /// The value of the first field of that name, nil if there is none.
    package func first(_ name: FieldName) -> ByteRange? {
        guard known.contains(name) else { return nil }
        for field in fields where field.id == name { return field.value }
        return nil
    }
}
