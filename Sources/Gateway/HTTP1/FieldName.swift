/// The field names that this program asks about; every other one is `other`. Never more than 63: `FieldSet` is one word.
package enum FieldName: UInt8, Sendable, CaseIterable {
    case other
    // Framing and the connection.
    case host, connection, contentLength, transferEncoding, expect, upgrade, te, trailer, keepAlive
    case proxyConnection, proxyAuthenticate, proxyAuthorization, proxyAuthenticationInfo, proxy, http2Settings
    // Where a request came from.
    case forwarded, xForwardedFor, xForwardedProto, xForwardedHost, xForwardedPort, xForwardedServer, xForwardedSSL
    case xForwardedPrefix, xForwardedScheme, xRealIP, via, xRequestID, xRequestStart
    // What apps and browsers send all the time.
    case accept, acceptEncoding, acceptLanguage, authorization, cacheControl, contentType, cookie, ifMatch
    case ifModifiedSince, ifNoneMatch, ifRange, ifUnmodifiedSince, origin, pragma, range, referer, userAgent
    // Responses.
    case acceptRanges, contentEncoding, date, eTag, expires, lastModified, location, server, setCookie, status, vary
    case xAccelRedirect, xAccelBuffering, xSendfile, xPoweredBy, xPassengerRequestOOBWork

    /// In lower case; empty for `other`.
    package var text: StaticString {
        switch self {
        case .other: ""
        case .host: "host"
        case .connection: "connection"
        case .contentLength: "content-length"
        case .transferEncoding: "transfer-encoding"
        case .expect: "expect"
        case .upgrade: "upgrade"
        case .te: "te"
        case .trailer: "trailer"
        case .keepAlive: "keep-alive"
        case .proxyConnection: "proxy-connection"
        case .proxyAuthenticate: "proxy-authenticate"
        case .proxyAuthorization: "proxy-authorization"
        case .proxyAuthenticationInfo: "proxy-authentication-info"
        case .proxy: "proxy"
        case .http2Settings: "http2-settings"
        case .forwarded: "forwarded"
        case .xForwardedFor: "x-forwarded-for"
        case .xForwardedProto: "x-forwarded-proto"
        case .xForwardedHost: "x-forwarded-host"
        case .xForwardedPort: "x-forwarded-port"
        case .xForwardedServer: "x-forwarded-server"
        case .xForwardedSSL: "x-forwarded-ssl"
        case .xForwardedPrefix: "x-forwarded-prefix"
        case .xForwardedScheme: "x-forwarded-scheme"
        case .xRealIP: "x-real-ip"
        case .via: "via"
        case .xRequestID: "x-request-id"
        case .xRequestStart: "x-request-start"
        case .accept: "accept"
        case .acceptEncoding: "accept-encoding"
        case .acceptLanguage: "accept-language"
        case .authorization: "authorization"
        case .cacheControl: "cache-control"
        case .contentType: "content-type"
        case .cookie: "cookie"
        case .ifMatch: "if-match"
        case .ifModifiedSince: "if-modified-since"
        case .ifNoneMatch: "if-none-match"
        case .ifRange: "if-range"
        case .ifUnmodifiedSince: "if-unmodified-since"
        case .origin: "origin"
        case .pragma: "pragma"
        case .range: "range"
        case .referer: "referer"
        case .userAgent: "user-agent"
        case .acceptRanges: "accept-ranges"
        case .contentEncoding: "content-encoding"
        case .date: "date"
        case .eTag: "etag"
        case .expires: "expires"
        case .lastModified: "last-modified"
        case .location: "location"
        case .server: "server"
        case .setCookie: "set-cookie"
        case .status: "status"
        case .vary: "vary"
        case .xAccelRedirect: "x-accel-redirect"
        case .xAccelBuffering: "x-accel-buffering"
        case .xSendfile: "x-sendfile"
        case .xPoweredBy: "x-powered-by"
        case .xPassengerRequestOOBWork: "x-passenger-request-oob-work"
        }
    }
}

/// A set of well-known field names, one bit each.
package struct FieldSet: Equatable, Sendable, ExpressibleByArrayLiteral {
    package var bits: UInt64 = 0

    @inlinable package init() {}
    @inlinable package init(bits: UInt64) { self.bits = bits }
    @inlinable package init(arrayLiteral names: FieldName...) { for name in names { insert(name) } }
    @inlinable package func contains(_ name: FieldName) -> Bool { bits & (1 &<< UInt64(name.rawValue)) != 0 }
    @inlinable package mutating func insert(_ name: FieldName) { bits |= 1 &<< UInt64(name.rawValue) }
    @inlinable package func union(_ other: FieldSet) -> FieldSet { FieldSet(bits: bits | other.bits) }

    /// Fields that are about one connection and never pass (RFC 9110 section 7.6.1), and those that a gateway writes itself.
    package static let hopByHop: FieldSet = [
        .connection, .contentLength, .transferEncoding, .expect, .upgrade, .te, .trailer, .keepAlive, .proxyConnection,
        .proxyAuthenticate, .proxyAuthorization, .proxyAuthenticationInfo, .proxy, .http2Settings,
    ]
    /// What a peer that is not trusted says about where its request came from.
    package static let forwarding: FieldSet = [
        .forwarded, .xForwardedFor, .xForwardedProto, .xForwardedHost, .xForwardedPort, .xForwardedServer,
        .xForwardedSSL, .xForwardedPrefix, .xForwardedScheme, .xRealIP,
    ]
}
