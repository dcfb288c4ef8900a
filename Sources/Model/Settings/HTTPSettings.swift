/// What the gateway does with an app's requests and answers. Sizes in bytes.
package struct HTTPSettings: Sendable, Codable, Equatable {
    /// Path prefix that the app is mounted at: `/` or `/shop`, never with a slash at its end otherwise.
    package var baseURI: String = "/"
    /// 0 is no limit.
    package var maxRequestBody: Int = 1 << 30
    package var headerTimeout: Duration = .seconds(10)
    /// Between two reads of a request body.
    package var bodyTimeout: Duration = .seconds(60)
    package var keepAliveTimeout: Duration = .seconds(60)
    /// From sending the request to the end of its answer, streams excepted. Zero means no limit.
    package var maxRequestTime: Duration = .zero
    /// Collect a body before a worker is claimed.
    package var requestBuffering: Bool = true
    /// Bytes of an answer that may wait for a slow client (memory, then a file) before its worker is made to wait.
    package var responseBufferHighWatermark: Int = 128 << 20
    /// Compress compressible dynamic answers.
    package var gzip: Bool = true
    /// Fields that every answer of the app gets, over the app's own.
    package var setHeaders: [String: String] = [:]
    /// HTML file, relative to the app's directory, that stands for the gateway's own error pages.
    package var customErrorPage: String?
    /// Path prefixes whose requests take no place of a worker's concurrency (long polls, Action Cable).
    package var unlimitedConcurrencyPaths: [String] = []
    package var stickySessions: Bool = false
    package var stickySessionsCookieName: String = "_passenger_route"
    package var stickySessionsCookieAttributes: String = "SameSite=Lax; Secure;"
    package var abortWebsocketsOnProcessShutdown: Bool = true
    package var files = FileSettings()
    package var cache = CacheSettings()
    package init() {}
}

/// Files that are served without asking a worker. Paths are relative to the app's directory unless they say otherwise.
package struct FileSettings: Sendable, Codable, Equatable {
    /// Nil: no static files.
    package var staticFilesDirectory: String? = "public"
    /// URL prefix (`/_next/static`) -> directory.
    package var staticPaths: [String: String] = [:]
    /// Absolute directories outside the app that links may lead to. Only the server's own configuration sets them.
    package var staticRoots: [String] = []
    /// Directories, beside the app's own and its shared ones, that X-Sendfile may name. Absolute, or relative to the app.
    package var sendfileRoots: [String] = []
    /// X-Accel-Redirect: internal URL prefix -> directory.
    package var accelRedirects: [String: String] = [:]
    /// Past releases in which fingerprinted names are looked up.
    package var assetOverlapReleases: Int = 2
    /// And for how long after their switch.
    package var assetOverlapTime: Duration = .seconds(24 * 3600)
    package init() {}
}

/// `turbocaching`.
package struct CacheSettings: Sendable, Codable, Equatable {
    package var isOn: Bool = false
    /// Name of a cookie whose value distinguishes cached answers.
    package var varyByCookie: String?
    package init() {}
}
