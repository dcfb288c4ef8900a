import Testing

@testable import StaticFiles

@Suite("Names that carry a digest")
struct FingerprintTests {
    private static let certainNames = [
        // Sprockets, Propshaft, Webpacker.
        "/assets/application-4ee8a8e5d3c8a1f5b6d7c8e9f0a1b2c34ee8a8e5d3c8a1f5b6d7c8e9f0a1b2c3.js",
        "/assets/application-4ee8a8e5d3c8a1f5b6d7c8e9f0a1b2c3.css",
        "/assets/app-4ee8a8e5d3c8a1f5b6d7c8e9f0a1b2c34ee8a8e5.js",
        "/assets/application-1a2b3c4d.css", "/assets/app-abc12345.digested.js", "/assets/logo-ABCdef7.digested.png",
        "/packs/js/application-1016838bab065ae1e314.js", "/assets/app-1a2b3c4d.js.map", "/assets/app-1a2b3c4d.js.gz",
        "/assets/manifest-1a2b3c4d.js.map.br",
        // Django.
        "/static/css/base.27e20196a850.css", "/static/admin/js/jquery.min.38a16c852cb5.js",
        // webpack, Parcel.
        "/main.8f3c2a1b.js", "/static/js/main.8f3c2a1b.chunk.js",
        "/static/media/logo.6ce24c58023cc2f8fd88fe9d219db6c6.svg",
        "/img/0c5e2b8d1f4a7e9c3b6d.png", "/static/js/787.a7c2f1b3.chunk.js.map", "/vendors~main.1a2b3c4d5e.bundle.js",
        // esbuild, Vite, Rollup.
        "/assets/chunk-3SH4CUSW.js", "/builds/main-XQ2F6YAB.css", "/assets/index-BxYz12ab.js",
        "/assets/index-C4gh-t_R.css",
        "/vite/assets/entry-D_7sJk2P.js", "/assets/Inter-SemiBold-DxYz12aB.woff2", "/js/index.B1c2D3e4.js",
        // Frameworks' own directories.
        "/_next/static/chunks/main-app.js", "/_next/static/Xy12/_buildManifest.js", "/_app/immutable/entry/start.js",
        "/_astro/hoisted.js",
    ]
    private static let likelyNames = ["/assets/index-ABCDEFGH.js", "/js/index-abc12DEF.js", "/assets/app-48291746.css"]
    private static let noneNames = [
        "", "/", "/users/1", "/jquery-3.7.1.js", "/jquery-3.7.1.min.js", "/jquery-ui-1.13.2.min.js",
        "/bootstrap.bundle.min.js",
        "/report-2024-01-31.pdf", "/report-20240131.pdf", "/backup-20240131120000.tar.gz", "/backup.202401311200.txt",
        "/report-05dec2023.pdf", "/photo-12345678.jpg", "/photo-1234567890123456.jpg",
        "/cafe-facade.js", "/x-deadbeef.js", "/assets/icon-favorite.svg", "/assets/application.js", "/favicon.ico",
        "/apple-touch-icon-precomposed.png", "/apple-touch-icon-180x180.png", "/assets/jquery-migrated.js",
        "/font-awesome.css", "/v1.2.3/app.js", "/abcdef12", "/1a2b3c4d/app.js", "/.js", "/a.", "/-.js", "/1a2b3c4d.js",
        "/assets/.digested.js", "/assets/a-b.digested.js", "/_next/image", "/_next/data/x.json",
        "/_nuxt/builds/latest.json",
        "/4ee8a8e5-d3c8-a1f5-b6d7-c8e9f0a1b2c3/view",
    ]
    /// Names of people's own files that must not be kept for a year.
    private static let notCertainNames = [
        "/report-2023feb1.pdf", "/fonts/Inter-SemiBold.woff2", "/assets/Inter-SemiBold.woff2", "/img/logo-iPhone12.png",
        "/img/logo-2xRetina.png",
        "/app-v2Update.js", "/photo-IMG_1234.jpg", "/DSC-DSC_0001.jpg", "/assets/logo-iPhone12.png",
        "/js/ui-DataGrid.js",
        "/assets/ui-HTMLPage.js", "/docs-README01.txt", "/x-h264Main.mp4", "/assets/3D-Models4U.glb",
    ]

    @Test("what build tools write is certain", arguments: FingerprintTests.certainNames)
    func certain(path: String) { #expect(Fingerprint.isFingerprinted(path)) }

    @Test("what only looks like it is looked up in past releases", arguments: FingerprintTests.likelyNames)
    func likely(path: String) { #expect(grade(path) == .likely) }

    @Test("versions, dates, words and identifiers are none", arguments: FingerprintTests.noneNames)
    func none(path: String) { #expect(grade(path) == .none) }

    @Test("names that people give are never immutable", arguments: FingerprintTests.notCertainNames)
    func notCertain(path: String) { #expect(grade(path) < .certain) }

    private func grade(_ path: String) -> Fingerprint {
        Array(path.utf8).withUnsafeBytes { Fingerprint.grade($0) }
    }

    @Test("immutable is said of those alone, and of no error")
    func cacheControl() throws {
        let tree = try TemporaryTree()
        try tree.file("app/public/assets/app-1a2b3c4d.js", "x")
        try tree.file("app/public/app.js", "x")
        let site = TestSite(tree)
        let file = try #require(site.file("/assets/app-1a2b3c4d.js"))
        let immutable = "public, max-age=31536000, immutable"
        #expect(try ask(file).field("Cache-Control") == immutable)
        #expect(try ask(file, ["Range: bytes=0-0"]).field("Cache-Control") == immutable)
        #expect(try ask(file, ["If-None-Match: *"]).field("Cache-Control") == immutable)
        #expect(try ask(file, ["If-Match: \"x\""]).field("Cache-Control") == nil)
        #expect(try ask(try #require(site.file("/app.js"))).field("Cache-Control") == nil)
    }

    @Test(
        "types by extension",
        arguments: [
            ("a.html", "text/html; charset=utf-8"), ("a.HTML", "text/html; charset=utf-8"),
            ("a.mjs", "text/javascript; charset=utf-8"),
            ("a.json", "application/json"), ("a.js.map", "application/json"), ("a.wasm", "application/wasm"),
            ("a.avif", "image/avif"),
            ("a.webp", "image/webp"), ("a.woff2", "font/woff2"), ("a.svg", "image/svg+xml"),
            ("a.webmanifest", "application/manifest+json"),
            ("a", "application/octet-stream"), ("a.", "application/octet-stream"), ("html", "application/octet-stream"),
            ("dir.html/a", "application/octet-stream"), ("a.unknownextension", "application/octet-stream"),
            ("a.tar.gz", "application/gzip"),
        ])
    func types(name: String, type: String) {
        let found = Array(name.utf8).withUnsafeBytes { ContentType(name: $0) }
        #expect(found.text.description == type)
    }
}
