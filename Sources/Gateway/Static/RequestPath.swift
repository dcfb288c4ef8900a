/// What of a URL's path may name a file. Strict on purpose: a path that two programs could read differently names no file
/// and goes to the app, which can do what it likes with it.
enum RequestPath {
    /// Longer ones name no file (PATH_MAX is 4096 with the directory).
    static let longest = 2048

    /// Takes the percent escapes off (RFC 3986 section 2.1) into `decoded`. False for a malformed escape and for escapes
    /// that hide structure: %2F and %5C are no separators that a file system should see, %00 would end the name.
    static func decode(_ raw: UnsafeRawBufferPointer, into decoded: inout [UInt8]) -> Bool {
        decoded.removeAll(keepingCapacity: true)
        var at = 0
        while at < raw.count {
            if raw[at] == UInt8(ascii: "%") {
                guard raw.count - at > 2, let high = raw[at + 1].hexadecimalDigit,
                    let low = raw[at + 2].hexadecimalDigit
                else { return false }
                let byte = high << 4 | low
                guard byte != UInt8(ascii: "/"), byte != UInt8(ascii: "\\"), byte != 0 else { return false }
                decoded.append(byte)
                at += 3
            } else {
                decoded.append(raw[at])
                at += 1
            }
        }
        return true
    }

    /// Whether a decoded path may name a file: starts with a slash; no empty, `.` or `..` segment; no dotfile but
    /// `/.well-known/` (RFC 8615); no backslash or control character.
    static func isServable(_ path: UnsafeRawBufferPointer) -> Bool {
        guard path.count <= longest, path.first == UInt8(ascii: "/") else { return false }
        var start = 1
        while start < path.count {
            let isHidden = path[start] == UInt8(ascii: ".")
            if isHidden, !(start == 1 && path.hasPrefix("/.well-known/")) { return false }
            // An empty segment.
            if path[start] == UInt8(ascii: "/") { return false }
            while start < path.count, path[start] != UInt8(ascii: "/") {
                if path[start] < 0x20 || path[start] == 0x7f || path[start] == UInt8(ascii: "\\") { return false }
                start += 1
            }
            start += 1
        }
        return true
    }

    /// Whether a segment of a real path, below what a link may lead to, is hidden.
    static func hasHiddenSegment(_ path: Substring) -> Bool {
        for (index, segment) in path.split(separator: "/").enumerated() where segment.utf8.first == UInt8(ascii: ".") {
            if !(index == 0 && segment == ".well-known") { return true }
        }
        return false
    }
}
