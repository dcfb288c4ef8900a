import Glibc

/// Which names and modes of a git tree may become files.
///
/// git checks names when it makes trees, but a tree can be made by anything and pushed to a server that does not look.
enum TreeEntryRules {
    enum Kind: Equatable { case file(executable: Bool), link, directory, submodule }

    /// Why an entry of this name is not written; nil when it may be.
    static func refusal(ofName name: [UInt8]) -> String? {
        if name.isEmpty { return "an empty name" }
        guard FileName(name) != nil else { return "a name that leads out of its directory" }
        if name.count > 255 { return "a name of more than 255 bytes" }
        // Windows takes a backslash for a separator; git refuses what that could smuggle, and so do we.
        for part in name.split(separator: UInt8(ascii: "\\"), omittingEmptySubsequences: false) {
            let part = Array(part)
            if part == Array("..".utf8) { return "a name that leads out of its directory" }
            if isGitDirectory(part) { return "a name that git keeps for itself" }
        }
        return nil
    }

    /// Nil for what a release cannot hold: devices, sockets, pipes. Permission bits other than "executable" do not count.
    static func kind(ofMode mode: UInt32) -> Kind? {
        switch mode & UInt32(S_IFMT) {
        case UInt32(S_IFREG): .file(executable: mode & 0o100 != 0)
        case UInt32(S_IFLNK): .link
        case UInt32(S_IFDIR): .directory
        case 0o160000: .submodule
        default: nil
        }
    }

    /// `.git` in any spelling that some file system takes for it: HFS+ ignores case and certain invisible characters, NTFS
    /// ignores case, trailing dots and spaces and a stream name, and knows it as `git~1` too. (git: is_hfs_dotgit,
    /// is_ntfs_dotgit; CVE-2014-9390, CVE-2019-1352.) A release may travel to one in an archive or by a network mount.
    static func isGitDirectory(_ name: [UInt8]) -> Bool {
        var visible = withoutIgnoredCharacters(name).map(lowercased)
        if let colon = visible.firstIndex(of: UInt8(ascii: ":")) { visible.removeSubrange(colon...) }
        while let last = visible.last, last == UInt8(ascii: ".") || last == UInt8(ascii: " ") { visible.removeLast() }
        return visible == Array(".git".utf8) || visible == Array("git~1".utf8)
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }

    private static func withoutIgnoredCharacters(_ name: [UInt8]) -> [UInt8] {
        // What is not UTF-8 has none of them.
        guard name.contains(where: { $0 >= 0x80 }), let text = String(validating: name, as: UTF8.self) else {
            return name
        }
        var kept = String.UnicodeScalarView()
        for scalar in text.unicodeScalars where !isIgnored(scalar.value) { kept.append(scalar) }
        return Array(String(kept).utf8)
    }

    private static func isIgnored(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x200c...0x200f, 0x202a...0x202e, 0x206a...0x206f, 0xfeff: true
        default: false
        }
    }
}
