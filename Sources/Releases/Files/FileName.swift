/// The name of one entry of one directory, as the bytes that Linux and git keep it in (usually UTF-8, not always).
///
/// It cannot be empty, `.`, `..`, or hold a slash or NUL. So no `*at` call that is given one can leave the directory that
/// it is given with, and with `O_NOFOLLOW` nor can an open: for one component that is what openat2(2) promises with
/// `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS`, and it holds for mkdirat, renameat and unlinkat too, which have no such flags.
struct FileName: Hashable, Sendable, CustomStringConvertible {
    let bytes: [UInt8]

    init?(_ bytes: some Sequence<UInt8>) {
        let bytes = Array(bytes)
        guard !bytes.isEmpty, bytes != Array(".".utf8), bytes != Array("..".utf8) else { return nil }
        guard !bytes.contains(0), !bytes.contains(UInt8(ascii: "/")) else { return nil }
        self.bytes = bytes
    }

    init?(_ text: String) { self.init(text.utf8) }

    /// For names that this program makes up.
    init(literal: StaticString) {
        bytes = literal.withUTF8Buffer { Array($0) }
    }

    /// For text that cannot but be legal: made of fixed words and numbers.
    init(made text: String) {
        bytes = Array(text.utf8)
        assert(FileName(bytes) == self)
    }

    init(_ release: ReleaseName) { bytes = Array(release.description.utf8) }

    /// With what is not UTF-8 replaced: for messages only.
    var description: String { String(decoding: bytes, as: UTF8.self) }

    func hasPrefix(_ prefix: String) -> Bool { bytes.starts(with: prefix.utf8) }

    func withCString<Result, Failure: Error>(
        _ body: (UnsafePointer<CChar>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let terminated = bytes.map { CChar(bitPattern: $0) } + [0]
        return try terminated.withUnsafeBufferPointer { (buffer) throws(Failure) -> Result in
            // Never empty: it holds at least the terminator.
            try body(buffer.baseAddress!)
        }
    }
}
