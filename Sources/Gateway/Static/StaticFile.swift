/// A file and what is compressed of it beforehand.
package final class StaticFile: Sendable {
    package let plain: OpenFile
    package let brotli: OpenFile?
    package let gzip: OpenFile?

    init(plain: OpenFile, brotli: OpenFile? = nil, gzip: OpenFile? = nil) {
        self.plain = plain
        self.brotli = brotli
        self.gzip = gzip
    }

    package var hasVariants: Bool { brotli != nil || gzip != nil }
}
