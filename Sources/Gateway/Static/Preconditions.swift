internal import HTTP1

/// Conditional requests, in the order of RFC 9110 section 13.2.2, for GET and HEAD of one file.
struct Preconditions {
    enum Verdict: Equatable {
        case proceed, notModified, failed
    }

    let head: RequestHead
    let bytes: UnsafeRawBufferPointer

    static let fields: FieldSet = [.ifMatch, .ifNoneMatch, .ifModifiedSince, .ifUnmodifiedSince]

    func verdict(on file: OpenFile) -> Verdict {
        if head.known.contains(.ifMatch) {
            guard anyTag(.ifMatch, equals: file, strongly: true) else { return .failed }
        } else if let since = date(.ifUnmodifiedSince), file.modified > since {
            return .failed
        }
        if head.known.contains(.ifNoneMatch) {
            return anyTag(.ifNoneMatch, equals: file, strongly: false) ? .notModified : .proceed
        }
        return isUnmodifiedSince(file) ? .notModified : .proceed
    }

    /// Whether Range counts (section 13.1.5): no If-Range, or one that names this very state of the file.
    func rangeCounts(for file: OpenFile) -> Bool {
        guard head.known.contains(.ifRange) else { return true }
        guard let value = single(.ifRange) else { return false }
        if value.first == UInt8(ascii: "\"") { return file.etag.withUnsafeBytes { value.equals($0) } }
        return file.isDateStrong && file.lastModified.withUnsafeBytes { value.equals($0) }
    }

    private func anyTag(_ name: FieldName, equals file: OpenFile, strongly: Bool) -> Bool {
        file.etag.withUnsafeBytes { etag in
            head.fields.contains { field in
                field.id == name && EntityTags.contain(field.value.of(bytes), etag, strongly: strongly)
            }
        }
    }

    private func isUnmodifiedSince(_ file: OpenFile) -> Bool {
        guard !file.lastModified.isEmpty, let value = single(.ifModifiedSince) else { return false }
        // What browsers send is what they were sent.
        if file.lastModified.withUnsafeBytes({ value.equals($0) }) { return true }
        return HTTPDate.parse(value).map { file.modified <= $0 } ?? false
    }

    /// Nil for what is no date: such a field is ignored (sections 13.1.3 and 13.1.4).
    private func date(_ name: FieldName) -> Int? { single(name).flatMap { HTTPDate.parse($0) } }

    /// The field's value when it is there once: repeated, its meaning is anyone's guess.
    func single(_ name: FieldName) -> UnsafeRawBufferPointer? {
        guard head.known.contains(name) else { return nil }
        var found: UnsafeRawBufferPointer?
        for field in head.fields where field.id == name {
            if found != nil { return nil }
            found = field.value.of(bytes)
        }
        return found
    }
}
