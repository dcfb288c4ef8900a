import Model

// Forms of what ends up in requests and answers: nothing here may hold a line end, or it would write lines of its own.

extension ValueForm where Value == String {
    /// `/` or `/shop/eu`, the way requests are compared with it.
    static func urlPrefix(_ example: String) -> ValueForm {
        .scalar("a path that starts with '/', without '..', '%', query or blanks", example: example, parse: urlPrefix)
    }

    static func urlPrefix(_ text: String) -> String? {
        guard text.hasPrefix("/") else { return nil }
        let isPlain = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"?#%\\".utf8.contains($0) }
        let parts = text.split(separator: "/")
        guard isPlain, !parts.contains("."), !parts.contains("..") else { return nil }
        return "/" + parts.joined(separator: "/")
    }

    /// In lower case: `www.example.com`, `*.example.com`, an IP address.
    static var hostPattern: ValueForm {
        .scalar("a host name, or *. and a host name", example: "www.example.com") { text in
            let name = text.lowercased()
            let plain = name.hasPrefix("*.") ? name.dropFirst(2) : name[...]
            if name.hasPrefix("["), name.hasSuffix("]") {
                // An IPv6 address, as it stands in Host.
                return name.dropFirst().dropLast().utf8.allSatisfy { ":.0123456789abcdef".utf8.contains($0) }
                    ? name : nil
            }
            let labels = plain.split(separator: ".", omittingEmptySubsequences: false)
            guard plain.utf8.count <= 253, labels.allSatisfy(isHostLabel) else { return nil }
            return name
        }
    }

    private static func isHostLabel(_ label: Substring) -> Bool {
        (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
            && label.utf8.allSatisfy {
                HTTPText.isLetterOrDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
            }
    }

    /// RFC 6265 section 4.1.1.
    static func cookieName(_ example: String) -> ValueForm {
        .scalar("a cookie's name", example: example) { HTTPText.isToken($0) ? $0 : nil }
    }

    static var cookieAttributes: ValueForm {
        .scalar("attributes of a cookie, without control characters", example: "SameSite=Lax; Secure;") { text in
            text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } ? text : nil
        }
    }
}

extension ValueForm where Value == String? {
    static func pathInAppOrOff(_ example: String) -> ValueForm {
        .scalar("a path inside the app's directory, or off", example: example) { text -> String?? in
            if ["off", "false", "no"].contains(text.lowercased()) { return .some(nil) }
            return ValueForm<String>.relativeInside(text).map { .some($0) }
        }
    }
}

extension ValueForm where Value == [String] {
    /// One path or several, made absolute from where they were written.
    static func paths(_ example: String) -> ValueForm {
        .list(of: .path(example), expected: "a path or a list of paths", example: example)
    }
}

extension ValueForm where Value == [String: String] {
    /// Paths of URLs to directories inside the app.
    static func directories(_ example: String) -> ValueForm {
        ValueForm(
            shape: .map, expected: "a mapping of paths to directories inside the app", example: example
        ) { node, _ throws(WrongForm) in
            guard case .map(let members) = node.content else { throw WrongForm(node) }
            var directories: [String: String] = [:]
            for member in members {
                let name = ConfigNode(.scalar(member.name), at: member.place)
                guard let prefix = ValueForm<String>.urlPrefix(member.name) else {
                    throw WrongForm(
                        name,
                        "'\(member.name.shortened(to: 60))' is not a path that starts with '/', without '..', '%', query or "
                            + "blanks")
                }
                guard let directory = ValueForm<String>.relativeInside(try member.value.scalarText()) else {
                    throw WrongForm(member.value, "\(member.value.nounPhrase) is not a directory inside the app's")
                }
                directories[prefix] = directory
            }
            return directories
        }
    }

    /// A mapping, or Passenger's list of `Name: value`.
    static var responseHeaders: ValueForm {
        ValueForm(
            shape: .map, expected: "a mapping of header names to values", example: "{X-Frame-Options: DENY}"
        ) { node, base throws(WrongForm) in
            var node = node
            if case .list(let lines) = node.content {
                var members: [ConfigNode.Member] = []
                for line in lines { members.append(try headerLine(line)) }
                node = ConfigNode(.map(members), at: node.place)
            }
            let fields = try headers.read(node, base)
            guard case .map(let members) = node.content else { return fields }
            for member in members where HTTPText.framing.contains(member.name.lowercased()) {
                throw WrongForm(
                    ConfigNode(.scalar(member.name), at: member.place),
                    "'\(member.name)' belongs to the connection and cannot be set")
            }
            return fields
        }
    }

    private static func headerLine(_ line: ConfigNode) throws(WrongForm) -> ConfigNode.Member {
        let text = try line.scalarText()
        guard let colon = text.firstIndex(of: ":") else {
            throw WrongForm(line, "'\(text.shortened(to: 60))' is not of the form 'Name: value'")
        }
        let value = text[text.index(after: colon)...].drop { $0 == " " }
        return ConfigNode.Member(
            name: String(text[..<colon]), place: line.place, value: ConfigNode(.scalar(String(value)), at: line.place))
    }
}

/// `deploy.asset_overlap`; nil is what was not said.
struct AssetOverlap: Sendable, Equatable {
    var releases: Int?
    var time: Duration?
}

extension ValueForm where Value == AssetOverlap {
    /// `2`, `24h`, `{releases: 2, for: 24h}`, or off.
    static var assetOverlap: ValueForm {
        ValueForm(
            expected: "a number of releases (0 to 100), a duration with its unit, or both: {releases: 2, for: 24h}",
            example: "{releases: 2, for: 24h}"
        ) { node, _ throws(WrongForm) in
            guard case .map(let members) = node.content else {
                let text = try node.scalarText()
                if text.lowercased() == "off" { return AssetOverlap(releases: 0, time: nil) }
                if let releases = Int(text) { return AssetOverlap(releases: try count(releases, node), time: nil) }
                guard let time = ValueForm<Duration>.parseDuration(text) else { throw WrongForm(node) }
                return AssetOverlap(releases: nil, time: time)
            }
            var overlap = AssetOverlap()
            for member in members {
                let text = try member.value.scalarText()
                switch member.name {
                case "releases": overlap.releases = try count(Int(text) ?? -1, member.value)
                case "for":
                    guard let time = ValueForm<Duration>.parseDuration(text) else {
                        throw WrongForm(member.value, "\(member.value.nounPhrase) is not a duration")
                    }
                    overlap.time = time
                default:
                    throw WrongForm(
                        ConfigNode(.scalar(member.name), at: member.place),
                        "'\(member.name.shortened(to: 60))' is neither 'releases' nor 'for'")
                }
            }
            return overlap
        }
    }

    private static func count(_ releases: Int, _ node: ConfigNode) throws(WrongForm) -> Int {
        guard (0...100).contains(releases) else {
            throw WrongForm(node, "\(node.nounPhrase) is not a number of releases (0 to 100)")
        }
        return releases
    }
}

enum HTTPText {
    /// Fields that say how a message is framed, or concern one connection (RFC 9110 section 7.6.1).
    static let framing: Set = [
        "connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding",
        "upgrade",
    ]

    static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    /// RFC 9110 section 5.6.2.
    static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { isLetterOrDigit($0) || "!#$%&'*+-.^_`|~".utf8.contains($0) }
    }
}
