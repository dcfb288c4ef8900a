package import HTTP1
package import Model

/// What an answer to an unsafe request makes of no use (RFC 9111 section 4.4).
package enum Invalidation {
    /// The target, and what Location and Content-Location name on the same host; nothing when the method is safe (RFC 9110
    /// section 9.2.1) or the answer an error.
    package static func targets(
        app: AppName, _ request: RequestHead, _ bytes: UnsafeRawBufferPointer, _ answer: ResponseHead,
        _ answerBytes: UnsafeRawBufferPointer
    ) -> [ResourceKey] {
        switch request.method {
        case .get, .head, .options, .trace, .connect: return []
        case .post, .put, .delete, .patch, .other: break
        }
        guard (200..<400).contains(answer.status), !request.host.isEmpty else { return [] }
        let host = request.host.of(bytes)
        var targets = [RequestTarget.bytes(of: request, bytes)]
        for field in answer.fields {
            let name = field.name.of(answerBytes)
            guard field.id == .location || FieldText.equal(name, "content-location") else { continue }
            if let target = target(field.value.of(answerBytes), host: host) { targets.append(target) }
        }
        return targets.map { ResourceKey(app: app, host: host, target: $0) }
    }

    /// Path and query of a reference to this host; nil for others, and for those that are relative to a path.
    private static func target(_ reference: UnsafeRawBufferPointer, host: UnsafeRawBufferPointer) -> [UInt8]? {
        let slash = UInt8(ascii: "/")
        let whole = reference.prefix { $0 != UInt8(ascii: "#") }
        var rest = UnsafeRawBufferPointer(rebasing: whole)
        if let scheme = rest.firstIndex(of: UInt8(ascii: ":")), rest[..<scheme].allSatisfy({ $0 != slash }) {
            rest = UnsafeRawBufferPointer(rebasing: rest[(scheme + 1)...])
            guard rest.starts(with: [slash, slash]) else { return nil }
        }
        if rest.starts(with: [slash, slash]) {
            rest = UnsafeRawBufferPointer(rebasing: rest[2...])
            let end = rest.firstIndex { $0 == slash || $0 == UInt8(ascii: "?") } ?? rest.count
            guard FieldText.equal(UnsafeRawBufferPointer(rebasing: rest[..<end]), host) else { return nil }
            rest = UnsafeRawBufferPointer(rebasing: rest[end...])
            if rest.first != slash { return [slash] + rest }
        }
        return rest.first == slash ? Array(rest) : nil
    }
}
