internal import Crypto
package import Model

/// Who may use the admin API over TCP, and for what: `NAME ACCESS TOKEN` on each line of a file.
///
/// ACCESS is `all`, or roles with commas between them, each of every app (`view,deploy`) or of one (`deploy@blog`). TOKEN is the
/// secret itself, or `sha256:` and its hash in hexadecimal digits. Only hashes are kept in memory.
package struct TokenTable: Sendable, Equatable {
    package struct Holder: Sendable, Equatable {
        package var name: String
        package var access: Access
        /// SHA-256 of the secret.
        var digest: [UInt8]
    }

    package enum Access: Sendable, Equatable {
        case all
        case roles(ofEveryApp: Set<AppRole>, of: [AppName: Set<AppRole>])
    }

    /// Shorter ones can be guessed.
    package static let shortestToken = 32
    static let longestToken = 512
    static let mostTokens = 256
    package static let largestFile = 64 << 10

    package private(set) var holders: [Holder] = []

    package init() {}

    /// Whose secret this is. However much of it is right, it takes the same time: hashes are compared, each to its end.
    package func holder(of token: String) -> Holder? {
        let digest = Self.digest(token)
        var found: Holder?
        for holder in holders {
            let difference = zip(holder.digest, digest).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) }
            if difference == 0 { found = holder }
        }
        return found
    }

    /// The same holder as before, with the same secret and rights.
    package func contains(_ holder: Holder) -> Bool { holders.contains(holder) }

    static func digest(_ token: String) -> [UInt8] { Array(SHA256.hash(data: Array(token.utf8))) }
}

extension TokenTable.Holder {
    package func standing(apps: [AppName]) -> Standing {
        guard case .roles(let ofAll, let ofSome) = access else { return .all }
        var held: [AppName: Set<AppRole>] = [:]
        for app in apps {
            let roles = ofAll.union(ofSome[app] ?? [])
            if !roles.isEmpty { held[app] = roles }
        }
        return .roles(held)
    }
}

/// What is wrong with the file; never with a secret in it.
package struct TokenProblem: Error, Sendable, Equatable, CustomStringConvertible {
    package var description: String
    package init(_ description: String) { self.description = description }
}

extension TokenTable {
    package init(file text: String) throws(TokenProblem) {
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" || $0 == "\r\n" })
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            func problem(_ what: String) -> TokenProblem { TokenProblem("line \(index + 1): \(what)") }
            guard words.count == 3 else { throw problem("expected NAME ACCESS TOKEN") }
            guard let name = AppName(String(words[0]))?.rawValue else {
                throw problem("a name has letters, digits, '.', '_' and '-'")
            }
            guard !holders.contains(where: { $0.name == name }) else { throw problem("\(name) is there twice") }
            guard let access = Access(words[1]) else {
                throw problem("access is 'all', or of view, deploy, operate, shell, each perhaps with @APP")
            }
            guard let digest = Self.digest(ofWritten: words[2]) else {
                throw problem(
                    "a token has \(Self.shortestToken) to \(Self.longestToken) letters, digits and -._~+/=; make one with: "
                        + "openssl rand -hex 32")
            }
            guard !holders.contains(where: { $0.digest == digest }) else { throw problem("another has this token too") }
            guard holders.count < Self.mostTokens else { throw problem("more than \(Self.mostTokens) tokens") }
            holders.append(Holder(name: name, access: access, digest: digest))
        }
    }

    /// RFC 6750 section 2.1: what a bearer token is made of.
    private static func digest(ofWritten word: Substring) -> [UInt8]? {
        let mark = "sha256:"
        if word.hasPrefix(mark) {
            let digits = Array(word.utf8.dropFirst(mark.utf8.count))
            let bytes = stride(from: 0, to: digits.count - digits.count % 2, by: 2).compactMap { index in
                UInt8(String(decoding: digits[index..<(index + 2)], as: UTF8.self), radix: 16)
            }
            return digits.count == 64 && bytes.count == 32 ? bytes : nil
        }
        let isLegal = word.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-._~+/=".utf8.contains(byte)
            }
        }
        return isLegal && (shortestToken...longestToken).contains(word.utf8.count) ? digest(String(word)) : nil
    }
}

extension TokenTable.Access {
    fileprivate init?(_ word: Substring) {
        if word == "all" {
            self = .all
            return
        }
        var ofAll: Set<AppRole> = []
        var ofSome: [AppName: Set<AppRole>] = [:]
        for part in word.split(separator: ",", omittingEmptySubsequences: false) {
            let pair = part.split(separator: "@", omittingEmptySubsequences: false)
            guard (1...2).contains(pair.count), let role = AppRole(rawValue: String(pair[0])) else { return nil }
            if pair.count == 1 {
                ofAll.insert(role)
            } else {
                guard let app = AppName(String(pair[1])) else { return nil }
                ofSome[app, default: []].insert(role)
            }
        }
        self = .roles(ofEveryApp: ofAll, of: ofSome)
    }
}
