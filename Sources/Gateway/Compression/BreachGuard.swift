import HTTP1

/// The request's own origin as the browser sees it: behind a proxy that ends TLS, what the proxy says about it.
package struct OwnOrigin {
    package var isSecure: Bool
    /// Host, and port when the URL has one.
    package var host: UnsafeRawBufferPointer

    package init(isSecure: Bool, host: UnsafeRawBufferPointer) {
        self.isSecure = isSecure
        self.host = host
    }
}

/// Against BREACH: a secret in a page can be guessed from the length of its compressed form by someone who sees the length,
/// and who can make the victim's browser ask for the page again and again, with a guess in it. The browser must be made to
/// ask from another site's page, and the page holds a secret only when the request says who asks.
enum BreachGuard {
    enum Verdict: Equatable {
        /// Nobody's secrets are in the answer.
        case anonymous
        /// From the site's own pages, or typed in.
        case ownSite
        /// Another site may have caused it.
        case suspicious
    }

    static func judge(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer, _ own: OwnOrigin) -> Verdict {
        guard head.known.contains(.cookie) || head.known.contains(.authorization) else { return .anonymous }
        var fetchSites = 0
        for field in head.fields where field.id == .other {
            guard FieldText.equal(field.name.of(bytes), "sec-fetch-site") else { continue }
            fetchSites += 1
            let value = field.value.of(bytes)
            // Not same-site: a neighbour's subdomain is another's page on many sites.
            guard FieldText.equal(value, "same-origin") || FieldText.equal(value, "none") else { return .suspicious }
        }
        if fetchSites > 0 { return .ownSite }
        // Browsers send it to secure origins only, and old ones never. Neither of the next two can be forged by a page; a
        // page can leave out Referer, so its absence says nothing.
        guard let from = head.first(.origin) ?? head.first(.referer) else { return .suspicious }
        return isOwn(from.of(bytes), own) ? .ownSite : .suspicious
    }

    /// Scheme too: who can see lengths can put whatever he likes into a page of http.
    private static func isOwn(_ url: UnsafeRawBufferPointer, _ own: OwnOrigin) -> Bool {
        let scheme: StaticString = own.isSecure ? "https://" : "http://"
        let start = scheme.utf8CodeUnitCount
        guard url.count > start, FieldText.equal(UnsafeRawBufferPointer(rebasing: url[..<start]), scheme) else {
            return false
        }
        let rest = UnsafeRawBufferPointer(rebasing: url[start...])
        let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }
        let authority = UnsafeRawBufferPointer(rebasing: rest[..<(end ?? rest.count)])
        return !own.host.isEmpty && FieldText.equal(withoutPort(authority, own), withoutPort(own.host, own))
    }

    /// The scheme's own port is left out by some.
    private static func withoutPort(_ host: UnsafeRawBufferPointer, _ own: OwnOrigin) -> UnsafeRawBufferPointer {
        let port: StaticString = own.isSecure ? ":443" : ":80"
        let start = host.count - port.utf8CodeUnitCount
        guard start > 0, FieldText.equal(UnsafeRawBufferPointer(rebasing: host[start...]), port) else { return host }
        return UnsafeRawBufferPointer(rebasing: host[..<start])
    }
}
