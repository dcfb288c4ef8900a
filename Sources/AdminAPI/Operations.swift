/// Names one operation of one core: `deploy-42`, `restart-3`. Safe in a path.
package struct OperationID: Hashable, Sendable, Codable, CustomStringConvertible {
    package let rawValue: String

    /// Nil unless it is 1 to 64 letters, digits and `-`.
    package init?(_ text: String) {
        let legal = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard legal, (1...64).contains(text.utf8.count) else { return nil }
        rawValue = text
    }

    package init(_ kind: OperationKind, _ number: Int) {
        rawValue = "\(kind.rawValue)-\(number)"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let id = OperationID(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an operation: \(text)")
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }

    package var description: String { rawValue }
}

package enum OperationKind: String, Sendable, Codable, CaseIterable {
    case deploy, rollback, restart
    /// The first boot of an app, which the server itself asks for.
    case boot
}

/// How an operation ended.
package enum OperationOutcome: String, Sendable, Codable, CaseIterable {
    /// Switched, watched, and good.
    case stable
    /// Traffic goes to the new generation; nothing watched it any further.
    case switched
    /// Sealed; no server runs yet that could boot it.
    case pending
    case failed
    case aborted
    /// A deploy was switched to, and the watch after the switch turned it back.
    case rolledBack = "rolled_back"
    case restarted
    /// Cut off by the end of the core; the journal says whether it can be resumed.
    case interrupted

    /// What the command that started the operation exits with (FEATURES section 4).
    package var exitStatus: Int32 {
        switch self {
        case .stable, .switched, .pending, .restarted: 0
        case .failed, .aborted, .interrupted: 1
        case .rolledBack: 5
        }
    }
}

/// Why something did not work, with all that a person needs to mend it (step, cause, evidence, hint).
package struct FailureReport: Sendable, Codable, Equatable {
    /// The journal's code in snake case: `command_failed`, `unhealthy`, …; nil from an older server.
    package var code: String?
    /// Journey step: `fetch`, `build`, `load_app`, `health`, …
    package var step: String
    /// One line.
    package var summary: String
    /// Backtrace, or the evidence of a probe: method, URL, status, headers, start of the body, time.
    package var details: String?
    /// `exit status 1`, `signal 9`.
    package var exit: String?
    package var outputTail: [String]
    package var hint: String?
    package var at: WallTime?

    package init(
        step: String, summary: String, details: String? = nil, exit: String? = nil, outputTail: [String] = [],
        hint: String? = nil, at: WallTime? = nil
    ) {
        self.step = step
        self.summary = summary
        self.details = details
        self.exit = exit
        self.outputTail = outputTail
        self.hint = hint
        self.at = at
    }
}
