/// What a file is, by the extension of its name.
struct ContentType: Sendable {
    /// The value of the Content-Type field.
    let text: StaticString
    /// Worth looking for `.br` and `.gz` beside it: what is compressed by its nature has none.
    let isCompressible: Bool

    /// By the last extension of a file name, in any case.
    init(name: UnsafeRawBufferPointer) {
        var start = name.count
        while start > 0, name[start - 1] != UInt8(ascii: "."), name[start - 1] != UInt8(ascii: "/") { start -= 1 }
        guard start > 0, name[start - 1] == UInt8(ascii: "."), name.count - start <= 12, start < name.count else {
            self = ContentType.unknown
            return
        }
        let ending = String(decoding: name.from(start), as: UTF8.self).lowercased()
        self = ContentType.table[ending] ?? ContentType.unknown
    }

    private init(_ text: StaticString, _ isCompressible: Bool) {
        self.text = text
        self.isCompressible = isCompressible
    }

    static let unknown = ContentType("application/octet-stream", false)

    /// Asked when a file is opened, never for a request of a cached one.
    private static let table: [String: ContentType] = {
        var table: [String: ContentType] = [:]
        for (endings, type) in compressible {
            for ending in endings { table[ending] = ContentType(type, true) }
        }
        for (endings, type) in compressed {
            for ending in endings { table[ending] = ContentType(type, false) }
        }
        return table
    }()

    /// Text says its charset: without it a browser guesses, and what it guesses depends on its language. JSON and its
    /// relatives are UTF-8 by definition and have no such parameter (RFC 8259 section 11).
    private static let compressible: [([String], StaticString)] = [
        (["html", "htm"], "text/html; charset=utf-8"),
        (["css"], "text/css; charset=utf-8"),
        (["js", "mjs", "cjs"], "text/javascript; charset=utf-8"),
        (["txt", "text", "log", "conf", "ini"], "text/plain; charset=utf-8"),
        (["csv"], "text/csv; charset=utf-8"),
        (["tsv"], "text/tab-separated-values; charset=utf-8"),
        (["md", "markdown"], "text/markdown; charset=utf-8"),
        (["ics"], "text/calendar; charset=utf-8"),
        (["vcf"], "text/vcard; charset=utf-8"),
        (["vtt"], "text/vtt; charset=utf-8"),
        (["xml", "xsl", "xsd"], "text/xml; charset=utf-8"),
        (["yml", "yaml"], "application/yaml"),
        (["json", "map"], "application/json"),
        (["jsonld"], "application/ld+json"),
        (["geojson"], "application/geo+json"),
        (["webmanifest"], "application/manifest+json"),
        (["rss"], "application/rss+xml; charset=utf-8"),
        (["atom"], "application/atom+xml; charset=utf-8"),
        (["xhtml"], "application/xhtml+xml; charset=utf-8"),
        (["svg"], "image/svg+xml"),
        (["wasm"], "application/wasm"),
        (["ttf"], "font/ttf"),
        (["otf"], "font/otf"),
        (["ttc"], "font/collection"),
        (["eot"], "application/vnd.ms-fontobject"),
        (["ico", "cur"], "image/x-icon"),
        (["bmp"], "image/bmp"),
        (["rtf"], "application/rtf"),
        (["ps", "eps", "ai"], "application/postscript"),
        (["gltf"], "model/gltf+json"),
        (["glb"], "model/gltf-binary"),
        (["m3u8"], "application/vnd.apple.mpegurl"),
        (["mpd"], "application/dash+xml"),
    ]

    private static let compressed: [([String], StaticString)] = [
        (["png"], "image/png"),
        (["apng"], "image/apng"),
        (["jpg", "jpeg", "jfif"], "image/jpeg"),
        (["gif"], "image/gif"),
        (["webp"], "image/webp"),
        (["avif"], "image/avif"),
        (["heic"], "image/heic"),
        (["jxl"], "image/jxl"),
        (["tif", "tiff"], "image/tiff"),
        (["woff"], "font/woff"),
        (["woff2"], "font/woff2"),
        (["mp3"], "audio/mpeg"),
        (["m4a"], "audio/mp4"),
        (["aac"], "audio/aac"),
        (["ogg", "oga", "opus"], "audio/ogg"),
        (["wav"], "audio/wav"),
        (["flac"], "audio/flac"),
        (["weba"], "audio/webm"),
        (["mp4", "m4v"], "video/mp4"),
        (["m4s"], "video/iso.segment"),
        (["ts"], "video/mp2t"),
        (["webm"], "video/webm"),
        (["ogv"], "video/ogg"),
        (["mov"], "video/quicktime"),
        (["avi"], "video/x-msvideo"),
        (["mpg", "mpeg"], "video/mpeg"),
        (["pdf"], "application/pdf"),
        (["zip"], "application/zip"),
        (["gz", "tgz"], "application/gzip"),
        (["bz2"], "application/x-bzip2"),
        (["xz"], "application/x-xz"),
        (["zst"], "application/zstd"),
        (["7z"], "application/x-7z-compressed"),
        (["rar"], "application/vnd.rar"),
        (["tar"], "application/x-tar"),
        (["jar"], "application/java-archive"),
        (["apk"], "application/vnd.android.package-archive"),
        (["epub"], "application/epub+zip"),
        (["doc"], "application/msword"),
        (["xls"], "application/vnd.ms-excel"),
        (["ppt"], "application/vnd.ms-powerpoint"),
        (["docx"], "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (["xlsx"], "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (["pptx"], "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
        (["odt"], "application/vnd.oasis.opendocument.text"),
        (["ods"], "application/vnd.oasis.opendocument.spreadsheet"),
    ]
}
