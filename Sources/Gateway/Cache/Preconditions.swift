import HTTP1

/// If-None-Match and If-Modified-Since against a stored answer (RFC 9110 section 13.2.2, RFC 9111 section 4.3.2).
enum Preconditions {
    /// Whether the client has what is stored: then it gets 304. Only a 200 is judged by them.
    static func isNotModified(_ request: CacheRequest, _ answer: StoredAnswer) -> Bool {
        guard answer.head.status == 200 else { return false }
        return request.bytes.withUnsafeBytes { raw in
            answer.headBytes.withUnsafeBytes { stored in
                // With If-None-Match the date does not count.
                request.head.known.contains(.ifNoneMatch)
                    ? matches(request.head, raw, answer.head.first(.eTag)?.of(stored))
                    : isOlder(
                        answer.head.first(.lastModified)?.of(stored), request.head.first(.ifModifiedSince)?.of(raw))
            }
        }
    }

    private static func matches(
        _ head: RequestHead, _ raw: UnsafeRawBufferPointer, _ tag: UnsafeRawBufferPointer?
    ) -> Bool {
        var isMatch = false
        for field in head.fields where field.id == .ifNoneMatch {
            FieldText.forEachElement(field.value.of(raw)) { element in
                let isAny = element.count == 1 && element[0] == UInt8(ascii: "*")
                isMatch = isMatch || isAny || tag.map { opaque($0).elementsEqual(opaque(element)) } ?? false
            }
        }
        return isMatch
    }

    /// Weak comparison (RFC 9110 section 8.8.3.2): without the `W/`.
    private static func opaque(_ tag: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard tag.count >= 2, tag[0] == UInt8(ascii: "W"), tag[1] == UInt8(ascii: "/") else { return tag }
        return UnsafeRawBufferPointer(rebasing: tag[2...])
    }

    private static func isOlder(_ modified: UnsafeRawBufferPointer?, _ since: UnsafeRawBufferPointer?) -> Bool {
        guard let modified, let since else { return false }
        guard let modified = HTTPDate.parse(modified), let since = HTTPDate.parse(since) else { return false }
        return modified <= since
    }
}
