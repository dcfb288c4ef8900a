/// A directive of Phusion Passenger 6's module for nginx, for Apache, or for both, and what it is here.
struct PassengerDirective: Sendable {
    /// How a value is written here.
    enum Value: Sendable {
        case text, name, path, program, pathInApp, flag, number, seconds, megabytes, bytes, spawnMethod, appType
    }

    enum Counterpart: Sendable {
        /// A key of the server file.
        case key(String, Value)
        /// A part of what an app is in the server file, or of the site: which app, where, at what path.
        case place(String)
        /// A statement of the web server's own, in the new site.
        case site(String)
        /// It is so anyway, or there is nothing that it would be about.
        case needsNothing(String)
        /// There is no such thing here.
        case none(String)
    }

    var nginx: String?
    var apache: String?
    /// Other names of it, older ones mostly.
    var aliases: [String] = []
    var counterpart: Counterpart
    /// What differs, for those who change over.
    var remark = ""

    /// For the whole web server there, so that it stands above the apps here.
    var isGlobal = false
}

enum PassengerDirectives {
    /// By each name in lower case. Apache does not tell cases apart, and nginx' are in lower case.
    static let byName: [String: PassengerDirective] = {
        var named: [String: PassengerDirective] = [:]
        for directive in all {
            for name in [directive.nginx, directive.apache].compactMap(\.self) + directive.aliases {
                named[name.lowercased()] = directive
            }
        }
        return named
    }()

    static func find(_ statement: Statement) -> PassengerDirective? { byName[statement.name.lowercased()] }

    /// Whether Passenger has a say in it, or in anything inside.
    static func isMentioned(in statement: Statement) -> Bool {
        find(statement) != nil || (statement.block ?? []).contains { isMentioned(in: $0) }
    }

    /// The rows of docs/passenger-directives.md.
    static var table: String {
        let rows = all.map { directive in
            let names = [directive.nginx, directive.apache].map { $0.map { "`\($0)`" } ?? "" }
            let cells = names + [directive.counterpart.cell, directive.wholeRemark]
            return "| " + cells.joined(separator: " | ") + " |"
        }
        return (["| nginx | Apache | here | remark |", "|---|---|---|---|"] + rows).joined(separator: "\n") + "\n"
    }
}

extension PassengerDirective {
    fileprivate var wholeRemark: String {
        let others = aliases.isEmpty ? "" : "Also \(aliases.map { "`\($0)`" }.joined(separator: ", "))."
        return [remark, counterpart.reason, others].filter { !$0.isEmpty }.joined(separator: " ")
    }
}

extension PassengerDirective.Counterpart {
    fileprivate var cell: String {
        switch self {
        case .key(let key, _): "`\(key)`"
        case .place(let what): what
        case .site: "the web server's own"
        case .needsNothing: "needs nothing"
        case .none: "no counterpart"
        }
    }

    /// Why, where it is no key.
    var reason: String {
        switch self {
        case .key, .place: ""
        case .site(let text), .needsNothing(let text), .none(let text): text
        }
    }
}
