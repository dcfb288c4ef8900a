package import HTTP1

/// Whether an answer goes out with gzip, judged by the two heads. Answers of a worker and of the response cache alike.
package enum CompressionDecision: Equatable, Sendable {
    /// `isPadded`: the answer may hold secrets, its length is to be blurred (`GzipStreams.take`).
    case compress(isPadded: Bool)
    case leave(Reason)

    package enum Reason: String, Sendable, CaseIterable {
        /// 1xx, 204, 205, 206, 304, or an upgrade.
        case status
        /// Content-Encoding is there already, or Content-Range.
        case encoded
        case type
        /// It says its length, and that is under `smallest`.
        case small
        /// Cache-Control: no-transform, of either side.
        case noTransform
        /// A digest of the content (Content-Digest, Repr-Digest, Digest, Content-MD5), which would be wrong.
        case digest
        // From here on the decision depends on the request.
        case notAccepted
        /// HTTP/1.0: its answers end with the connection, when their length is not known.
        case oldClient
        /// Another site may have caused the request (`BreachGuard`).
        case breach
        /// As many streams as there may be.
        case busy

        package var dependsOnRequest: Bool {
            switch self {
            case .notAccepted, .oldClient, .breach, .busy: true
            case .status, .encoded, .type, .small, .noTransform, .digest: false
            }
        }
    }

    /// Bytes of a body under which gzip gains no packet.
    package static let smallest = 1024

    /// `answer` is what the app said, before anything was dropped from it. For HEAD: what a GET would get.
    package static func judge(
        request: RequestHead, _ requestBytes: UnsafeRawBufferPointer, answer: ResponseHead,
        _ answerBytes: UnsafeRawBufferPointer, own: OwnOrigin
    ) -> CompressionDecision {
        if let reason = reasonInAnswer(answer, answerBytes) { return .leave(reason) }
        if forbidsTransformation(request.fields, requestBytes) { return .leave(.noTransform) }
        guard AcceptedCodings.wantGzip(request, requestBytes) else { return .leave(.notAccepted) }
        guard request.versionMinor > 0 else { return .leave(.oldClient) }
        switch BreachGuard.judge(request, requestBytes, own) {
        case .suspicious: return .leave(.breach)
        case .ownSite: return .compress(isPadded: true)
        case .anonymous: return .compress(isPadded: false)
        }
    }

    private static func reasonInAnswer(_ head: ResponseHead, _ bytes: UnsafeRawBufferPointer) -> Reason? {
        switch head.status {
        case ..<200, 204, 205, 206, 304: return .status
        default: break
        }
        guard !head.known.contains(.contentEncoding) else { return .encoded }
        guard let type = head.first(.contentType), CompressibleType.contains(type.of(bytes)) else { return .type }
        let length: Int? = if case .length(let length) = head.framing { length } else { head.contentLength }
        if let length, length < smallest { return .small }
        for field in head.fields where field.id == .other {
            let name = field.name.of(bytes)
            if FieldText.equal(name, "content-range") { return .encoded }
            if isDigest(name) { return .digest }
        }
        return forbidsTransformation(head.fields, bytes) ? .noTransform : nil
    }

    private static func isDigest(_ name: UnsafeRawBufferPointer) -> Bool {
        FieldText.equal(name, "content-digest") || FieldText.equal(name, "repr-digest")
            || FieldText.equal(name, "digest") || FieldText.equal(name, "content-md5")
    }

    private static func forbidsTransformation(
        _ fields: ContiguousArray<HeaderField>, _ bytes: UnsafeRawBufferPointer
    ) -> Bool {
        var isForbidden = false
        for field in fields where field.id == .cacheControl {
            FieldText.forEachElement(field.value.of(bytes)) {
                isForbidden = isForbidden || FieldText.equal($0, "no-transform")
            }
        }
        return isForbidden
    }
}
