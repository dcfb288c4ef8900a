extension FieldName {
    /// The well-known name that these bytes spell, in any case. They must be token characters (see `Bytes.equalToken`).
    static func lookUp(_ place: UnsafePointer<UInt8>, _ count: Int) -> FieldName {
        @inline(__always)
        func isName(_ name: FieldName) -> Bool { Bytes.equalToken(place, count, name.text) }
        return switch count {
        case 2 where isName(.te): .te
        case 3 where isName(.via): .via
        case 4 where isName(.host): .host
        case 4 where isName(.date): .date
        case 4 where isName(.eTag): .eTag
        case 4 where isName(.vary): .vary
        case 5 where isName(.range): .range
        case 5 where isName(.proxy): .proxy
        case 6 where isName(.accept): .accept
        case 6 where isName(.cookie): .cookie
        case 6 where isName(.origin): .origin
        case 6 where isName(.server): .server
        case 6 where isName(.pragma): .pragma
        case 6 where isName(.expect): .expect
        case 6 where isName(.status): .status
        case 7 where isName(.referer): .referer
        case 7 where isName(.upgrade): .upgrade
        case 7 where isName(.expires): .expires
        case 7 where isName(.trailer): .trailer
        case 8 where isName(.location): .location
        case 8 where isName(.ifMatch): .ifMatch
        case 8 where isName(.ifRange): .ifRange
        case 9 where isName(.xRealIP): .xRealIP
        case 9 where isName(.forwarded): .forwarded
        case 10 where isName(.connection): .connection
        case 10 where isName(.userAgent): .userAgent
        case 10 where isName(.setCookie): .setCookie
        case 10 where isName(.keepAlive): .keepAlive
        case 10 where isName(.xSendfile): .xSendfile
        case 12 where isName(.contentType): .contentType
        case 12 where isName(.xRequestID): .xRequestID
        case 12 where isName(.xPoweredBy): .xPoweredBy
        case 13 where isName(.cacheControl): .cacheControl
        case 13 where isName(.authorization): .authorization
        case 13 where isName(.ifNoneMatch): .ifNoneMatch
        case 13 where isName(.lastModified): .lastModified
        case 13 where isName(.acceptRanges): .acceptRanges
        case 14 where isName(.contentLength): .contentLength
        case 14 where isName(.http2Settings): .http2Settings
        case 15 where isName(.acceptEncoding): .acceptEncoding
        case 15 where isName(.acceptLanguage): .acceptLanguage
        case 15 where isName(.xForwardedFor): .xForwardedFor
        case 15 where isName(.xForwardedSSL): .xForwardedSSL
        case 15 where isName(.xRequestStart): .xRequestStart
        case 16 where isName(.xForwardedHost): .xForwardedHost
        case 16 where isName(.xForwardedPort): .xForwardedPort
        case 16 where isName(.contentEncoding): .contentEncoding
        case 16 where isName(.proxyConnection): .proxyConnection
        case 16 where isName(.xAccelRedirect): .xAccelRedirect
        case 17 where isName(.transferEncoding): .transferEncoding
        case 17 where isName(.xForwardedProto): .xForwardedProto
        case 17 where isName(.ifModifiedSince): .ifModifiedSince
        case 17 where isName(.xAccelBuffering): .xAccelBuffering
        case 18 where isName(.xForwardedServer): .xForwardedServer
        case 18 where isName(.xForwardedPrefix): .xForwardedPrefix
        case 18 where isName(.xForwardedScheme): .xForwardedScheme
        case 18 where isName(.proxyAuthenticate): .proxyAuthenticate
        case 19 where isName(.ifUnmodifiedSince): .ifUnmodifiedSince
        case 19 where isName(.proxyAuthorization): .proxyAuthorization
        case 25 where isName(.proxyAuthenticationInfo): .proxyAuthenticationInfo
        case 28 where isName(.xPassengerRequestOOBWork): .xPassengerRequestOOBWork
        default: .other
        }
    }
}
