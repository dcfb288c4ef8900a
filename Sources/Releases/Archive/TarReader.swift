/// Reads a tar archive (POSIX.1-1988 ustar, POSIX.1-2001 pax, GNU long names) from a stream of bytes. Pull it: `next` gives a
/// member, and its contents are what `contents` gives until it gives nothing.
struct TarReader {
    struct Member: Sendable, Equatable {
        enum Kind: Sendable, Equatable {
            case file
            case directory
            case link(target: [UInt8])
            /// Completes "… is not deployed: it is".
            case refused(String)
        }
        /// As it was written: nothing about it is judged here.
        var path: [UInt8]
        var kind: Kind
        var mode: UInt32
        var size: Int
    }

    private static let block = 512
    /// Of a pax header, or a long name: far above PATH_MAX.
    private static let mostExtra = 1 << 20

    private var source: any ByteSource
    /// Of the member's contents, and what fills up their last block.
    private var left = 0
    private var padding = 0
    private var globals: [String: [UInt8]] = [:]

    init(_ source: any ByteSource) {
        self.source = source
    }

    /// Nil at the end of the archive, which is two empty blocks, or one, or the end of the file.
    mutating func next() throws(BuilderFailure) -> Member? {
        try skip()
        var extra = globals
        while true {
            guard let header = try readBlock() else { return nil }
            if header.allSatisfy({ $0 == 0 }) { return nil }
            try check(header)
            var size = try number(header[124..<136], "size")
            let type = header[156]
            switch type {
            case UInt8(ascii: "x"): extra.merge(try pax(readExtra(size))) { $1 }
            case UInt8(ascii: "g"):
                globals.merge(try pax(readExtra(size))) { $1 }
                extra.merge(globals) { $1 }
            case UInt8(ascii: "L"): extra["path"] = TarReader.text(try readExtra(size)[...])
            case UInt8(ascii: "K"): extra["linkpath"] = TarReader.text(try readExtra(size)[...])
            default:
                if let text = extra["size"] {
                    guard let told = Int(String(decoding: text, as: UTF8.self)), told >= 0 else {
                        throw broken("a size")
                    }
                    size = told
                }
                return try member(header, type: type, size: size, extra)
            }
        }
    }

    /// The next part of the member's contents, at most 64 KiB; empty at their end.
    mutating func contents() throws(BuilderFailure) -> [UInt8] {
        guard left > 0 else { return [] }
        let bytes = try source.read(min(left, 64 << 10))
        guard !bytes.isEmpty else { throw truncated }
        left -= bytes.count
        return bytes
    }

    // MARK: Headers

    private mutating func member(
        _ header: [UInt8], type: UInt8, size: Int, _ extra: [String: [UInt8]]
    ) throws(BuilderFailure) -> Member {
        let mode = UInt32(clamping: try number(header[100..<108], "mode"))
        var path = extra["path"] ?? ustarPath(header)
        let target = extra["linkpath"] ?? TarReader.text(header[157..<257])
        var kind = try kind(type, target, mode)
        // An old archive has no other mark of a directory.
        if case .file = kind, path.last == UInt8(ascii: "/") { kind = .directory }
        if extra.keys.contains(where: { $0.hasPrefix("GNU.sparse") }) { kind = .refused("a sparse file") }
        while path.count > 1, path.last == UInt8(ascii: "/") { path.removeLast() }
        var size = size
        switch kind {
        case .file: break
        // Whatever a header says: these have no contents (a link of some archivers has its file's size).
        case .directory, .link: size = 0
        case .refused: if type == UInt8(ascii: "1") { size = 0 }
        }
        left = size
        padding = (TarReader.block - size % TarReader.block) % TarReader.block
        return Member(path: path, kind: kind, mode: mode, size: size)
    }

    private func kind(_ type: UInt8, _ target: [UInt8], _ mode: UInt32) throws(BuilderFailure) -> Member.Kind {
        switch type {
        case 0, UInt8(ascii: "0"), UInt8(ascii: "7"):
            mode & 0o6000 == 0 ? .file : .refused("a program with the rights of another (setuid, setgid)")
        case UInt8(ascii: "5"): .directory
        case UInt8(ascii: "2"): .link(target: target)
        case UInt8(ascii: "1"): .refused("a hard link (tar --hard-dereference makes files of them)")
        case UInt8(ascii: "3"), UInt8(ascii: "4"): .refused("a device")
        case UInt8(ascii: "6"): .refused("a pipe")
        case UInt8(ascii: "S"): .refused("a sparse file")
        default: .refused("something of an unknown type")
        }
    }

    private func ustarPath(_ header: [UInt8]) -> [UInt8] {
        let name = TarReader.text(header[0..<100])
        // GNU's own format has other things there.
        let isUstar = header[257..<263].elementsEqual(Array("ustar\0".utf8))
        let prefix = isUstar ? TarReader.text(header[345..<500]) : []
        return prefix.isEmpty ? name : prefix + [UInt8(ascii: "/")] + name
    }

    /// The sum of all bytes, the checksum's own taken for blanks; some old archivers added signed ones.
    private func check(_ header: [UInt8]) throws(BuilderFailure) {
        var unsigned = 0
        var signed = 0
        for (index, byte) in header.enumerated() {
            let byte = (148..<156).contains(index) ? UInt8(ascii: " ") : byte
            unsigned += Int(byte)
            signed += Int(Int8(bitPattern: byte))
        }
        let told = try number(header[148..<156], "checksum")
        guard told == unsigned || told == signed else { throw broken("the checksum of a header") }
    }

    /// Octal, ended by a blank or NUL; or, with the highest bit set, base 256 (GNU, for 8 GiB and more).
    private func number(_ field: ArraySlice<UInt8>, _ what: String) throws(BuilderFailure) -> Int {
        guard let first = field.first else { throw broken(what) }
        if first & 0x80 != 0 {
            guard first == 0x80 else { throw broken(what) }
            var value = 0
            for byte in field.dropFirst() {
                guard value < 1 << 50 else { throw broken(what) }
                value = value << 8 | Int(byte)
            }
            return value
        }
        var value = 0
        for byte in field.drop(while: { $0 == UInt8(ascii: " ") }) {
            if byte == 0 || byte == UInt8(ascii: " ") { break }
            guard (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(byte) else { throw broken(what) }
            value = value << 3 | Int(byte - UInt8(ascii: "0"))
        }
        return value
    }

    /// Records of `LENGTH KEY=VALUE\n`, the length being that of all of it.
    private func pax(_ bytes: [UInt8]) throws(BuilderFailure) -> [String: [UInt8]] {
        var values: [String: [UInt8]] = [:]
        var rest = bytes[...]
        while !rest.isEmpty {
            guard let blank = rest.firstIndex(of: UInt8(ascii: " ")),
                let length = Int(String(decoding: rest[..<blank], as: UTF8.self)), length > 0, length <= rest.count
            else { throw broken("a pax header") }
            let end = rest.startIndex + length
            guard blank + 1 < end, rest[end - 1] == UInt8(ascii: "\n"),
                let equals = rest[(blank + 1)..<end].firstIndex(of: UInt8(ascii: "="))
            else { throw broken("a pax header") }
            values[String(decoding: rest[(blank + 1)..<equals], as: UTF8.self)] = Array(rest[(equals + 1)..<(end - 1)])
            rest = rest[end...]
        }
        return values
    }

    private static func text(_ field: ArraySlice<UInt8>) -> [UInt8] { Array(field.prefix { $0 != 0 }) }

    // MARK: Bytes

    private mutating func readExtra(_ size: Int) throws(BuilderFailure) -> [UInt8] {
        guard size <= TarReader.mostExtra else { throw broken("a header of \(size) bytes") }
        let padded = (size + TarReader.block - 1) / TarReader.block * TarReader.block
        return Array(try readExactly(padded).prefix(size))
    }

    private mutating func skip() throws(BuilderFailure) {
        while try !contents().isEmpty {}
        if padding > 0 { _ = try readExactly(padding) }
        padding = 0
    }

    /// Nil at the end of the file.
    private mutating func readBlock() throws(BuilderFailure) -> [UInt8]? {
        let first = try source.read(TarReader.block)
        guard !first.isEmpty else { return nil }
        return first.count == TarReader.block ? first : first + (try readExactly(TarReader.block - first.count))
    }

    private mutating func readExactly(_ count: Int) throws(BuilderFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let more = try source.read(count - bytes.count)
            guard !more.isEmpty else { throw truncated }
            bytes += more
        }
        return bytes
    }

    private var truncated: BuilderFailure {
        BuilderFailure(.refusedTree, "the archive ends in the middle", hint: "make it again, and send all of it")
    }

    private func broken(_ what: String) -> BuilderFailure {
        BuilderFailure(.refusedTree, "this is no tar archive, or a damaged one: \(what) makes no sense")
    }
}
