/// What Capistrano's `revisions.log` says: a line for each deploy that came to its end, and for each rollback.
///
/// Anybody who deploys may write there, and recipes may word the lines otherwise. So a line is what it has to be, or it says nothing.
struct RevisionLog: Equatable {
    struct Entry: Equatable {
        var release: ReleaseName
        var branch: String
        /// In full, or as short as the recipe had it.
        var commit: String
        var deployer: String
    }

    /// Some seven thousand deploys.
    static let maxBytes = 1 << 20
    private static let maxLineBytes = 1000

    /// The last that was said of each release.
    private(set) var deployed: [ReleaseName: Entry] = [:]
    /// Lines that say nothing.
    private(set) var otherLines = 0

    init() {}

    init(_ bytes: [UInt8]) {
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let text = String(decoding: line, as: UTF8.self)
            let isShowable = !text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
            guard line.count <= Self.maxLineBytes, isShowable, take(text) else {
                otherLines += 1
                continue
            }
        }
    }

    private mutating func take(_ line: String) -> Bool {
        let deploy = /Branch (.+) \(at ([0-9a-f]{7,40})\) deployed as release ([0-9]{14}) by (.+)/
        if let match = line.wholeMatch(of: deploy), let release = ReleaseName(String(match.3)) {
            deployed[release] = Entry(
                release: release, branch: String(match.1), commit: String(match.2), deployer: String(match.4))
            return true
        }
        // Where `current` leads to says what came of it.
        return line.wholeMatch(of: /.+ rolled back to release [0-9]{14}/) != nil
    }
}
