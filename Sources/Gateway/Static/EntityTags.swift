/// Lists of entity tags in If-Match and If-None-Match (RFC 9110 section 8.8.3).
enum EntityTags {
    /// Whether `value` is `*` or has a tag equal to `etag`, which is a strong one. `strongly`: weak tags equal nothing
    /// (section 8.8.3.2). What is no list of tags has none.
    static func contain(_ value: UnsafeRawBufferPointer, _ etag: UnsafeRawBufferPointer, strongly: Bool) -> Bool {
        if value.equals("*") { return true }
        var at = 0
        while at < value.count {
            if value[at].isBlank || value[at] == UInt8(ascii: ",") {
                at += 1
                continue
            }
            let isWeak = value.from(at).hasPrefix("W/")
            let start = isWeak ? at + 2 : at
            guard let end = end(value, start) else { return false }
            if !(isWeak && strongly), UnsafeRawBufferPointer(rebasing: value[start..<end]).equals(etag) { return true }
            at = end
        }
        return false
    }

    /// Past the closing quote of the tag that starts here. A tag has no escapes, and may have commas.
    private static func end(_ value: UnsafeRawBufferPointer, _ start: Int) -> Int? {
        guard start < value.count, value[start] == UInt8(ascii: "\"") else { return nil }
        var at = start + 1
        while at < value.count, value[at] != UInt8(ascii: "\"") { at += 1 }
        return at < value.count ? at + 1 : nil
    }
}
