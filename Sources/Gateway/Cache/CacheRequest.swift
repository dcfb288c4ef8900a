package import HTTP1
package import Model

/// A request that may be answered from the cache, copied out of its connection's buffer: it may wait longer than that lives.
package struct CacheRequest: Sendable {
    let key: GroupKey
    let isHead: Bool
    let onlyIfCached: Bool
    /// Of the request's Cache-Control, in seconds.
    let maxAge: Int?
    let minFresh: Int?
    let head: RequestHead
    let bytes: [UInt8]

    private static let longestTarget = 4 << 10
    private static let longestHead = 16 << 10

    /// Throws why the request passes the cache by. `generation` is the one that the app's traffic goes to now.
    /// `trustsForwarding`: the peer's X-Forwarded fields pass to the app (they become part of the key then).
    package init(
        _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, app: AppName, generation: GenerationNumber,
        isSecure: Bool, trustsForwarding: Bool, settings: CacheSettings
    ) throws(CacheBypass) {
        try Self.checkShape(head, bytes)
        let control = try Self.control(head, bytes)
        let target = RequestTarget.bytes(of: head, bytes)
        guard target.count <= Self.longestTarget, bytes.count <= Self.longestHead else { throw .tooLong }
        var selector = Selector(isSecure: isSecure)
        if let name = settings.varyByCookie { try selector.add(cookie: name, head, bytes) }
        if trustsForwarding { try selector.addForwarding(head, bytes) }
        let resource = ResourceKey(app: app, host: head.host.of(bytes), target: target)
        key = GroupKey(resource: resource, generation: generation, selector: selector.bytes)
        isHead = head.method == .head
        onlyIfCached = control.onlyIfCached
        maxAge = control.maxAge
        minFresh = control.minFresh
        self.head = head
        self.bytes = Array(bytes)
    }

    private static func checkShape(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer) throws(CacheBypass) {
        guard head.method == .get || head.method == .head else { throw .method }
        guard head.body == .none || head.body == .length(0) else { throw .body }
        guard !head.upgrade else { throw .upgrade }
        guard head.targetForm == .origin || head.targetForm == .absolute, !head.host.isEmpty else { throw .target }
        guard !head.known.contains(.authorization) else { throw .authorization }
        guard !head.known.contains(.range), !head.known.contains(.ifRange) else { throw .range }
        guard !head.known.contains(.ifMatch), !head.known.contains(.ifUnmodifiedSince) else { throw .precondition }
        for field in head.fields where field.id == .other && isOverride(field.name.of(bytes)) { throw .override }
    }

    private static func control(
        _ head: RequestHead, _ bytes: UnsafeRawBufferPointer
    ) throws(CacheBypass) -> CacheControl {
        guard head.known.contains(.cacheControl) else {
            // RFC 9111 section 5.4: only without Cache-Control. What else Pragma may say is not known, so any will do.
            if head.known.contains(.pragma) { throw .reload }
            return CacheControl()
        }
        let control = CacheControl(head.fields, bytes)
        if control.isMalformed { throw .malformed }
        if control.noStore { throw .noStore }
        if control.noCache || control.maxAge == 0 { throw .reload }
        return control
    }

    /// Otherwise `GET /` with one of these could fill the entry of `/` with something else, for everybody.
    private static func isOverride(_ name: UnsafeRawBufferPointer) -> Bool {
        guard name.count >= 13, FieldText.lowercased(name[0]) == UInt8(ascii: "x") else { return false }
        return FieldText.equal(name, "x-http-method-override") || FieldText.equal(name, "x-http-method")
            || FieldText.equal(name, "x-method-override") || FieldText.equal(name, "x-original-url")
            || FieldText.equal(name, "x-rewrite-url")
    }

    /// The request's values of the fields that an answer varies by, each with a mark of its presence and its length, so
    /// that no two different sets of values are the same bytes.
    func values(of names: [VaryName]) -> [UInt8] {
        guard !names.isEmpty else { return [] }
        return bytes.withUnsafeBytes { raw in
            var result: [UInt8] = []
            for name in names { append(name, raw, to: &result) }
            return result
        }
    }

    private func append(_ name: VaryName, _ raw: UnsafeRawBufferPointer, to result: inout [UInt8]) {
        for field in head.fields where name.names(field, raw) {
            let value = field.value.of(raw)
            result.append(1)
            withUnsafeBytes(of: UInt32(value.count)) { result.append(contentsOf: $0) }
            result.append(contentsOf: value)
        }
        result.append(0)
    }
}

/// Path and query, the way they are in keys.
enum RequestTarget {
    static func bytes(of head: RequestHead, _ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var target = Array(head.path.of(bytes))
        if target.isEmpty { target.append(UInt8(ascii: "/")) }
        if head.hasQuery {
            target.append(UInt8(ascii: "?"))
            target.append(contentsOf: head.query.of(bytes))
        }
        return target
    }
}
