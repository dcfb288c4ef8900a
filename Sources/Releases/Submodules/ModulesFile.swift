/// A tree's `.gitmodules`: which path comes from where. Written by whoever made the commit, so nothing in it is followed but that.
struct ModulesFile: Equatable {
    /// URLs as they are written, by path.
    private(set) var urls: [String: String] = [:]

    /// Larger ones are nobody's.
    static let maxBytes = 1 << 20

    init(_ bytes: [UInt8]) {
        var sections: [Substring: [String: String]] = [:]
        var order: [Substring] = []
        for entry in GitConfiguration(bytes).entries where entry.section.hasPrefix("submodule ") {
            if sections[entry.section] == nil { order.append(entry.section) }
            sections[entry.section, default: [:]][entry.key] = entry.value
        }
        for section in order {
            guard let values = sections[section], let path = values["path"], let url = values["url"] else { continue }
            urls[path] = url
        }
    }
}
