/// A worker's response head: ranges over the received bytes, and what framing needs. Reused like `RequestHead`.
package struct ResponseHead: Sendable {
    package var status: Int = 0
    /// May be empty.
    package var reason = ByteRange.empty
    package var versionMinor: UInt8 = 1
    package var fields: ContiguousArray<HeaderField> = []
    package var framing: ResponseFraming = .none
    /// Content-Length as the worker gave it, also where it does not frame (HEAD, 304).
    package var contentLength: Int?
    /// The worker will answer another request on this connection.
    package var keepAlive = true
    /// 101 with an Upgrade field: from here on the bytes are not HTTP.
    package var upgrade = false
    package var connectionNamesFields = false
    package var known = FieldSet()

    package init() {}

    /// 1xx, 101 aside: the final response is still to come.
    package var isInformational: Bool { status < 200 && status != 101 }

    package mutating func reset() {
        status = 0
        reason = .empty
        versionMinor = 1
        fields.removeAll(keepingCapacity: true)
        framing = .none
        contentLength = nil
        keepAlive = true
        upgrade = false
        connectionNamesFields = false
        known = FieldSet()
    }

    /// The value of the first field of that name, nil if there is none.
    package func first(_ name: FieldName) -> ByteRange? {
        guard known.contains(name) else { return nil }
        for field in fields where field.id == name { return field.value }
        return nil
    }
}
