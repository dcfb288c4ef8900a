import Glibc

extension ValueForm where Value == Bool {
    static var boolean: ValueForm {
        .scalar("true or false", example: "true", shape: .toggle) { text in
            switch text.lowercased() {
            case "true", "yes", "on", "1": true
            case "false", "no", "off", "0": false
            default: nil
            }
        }
    }
}

extension ValueForm where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    static func oneOf(_ type: Value.Type) -> ValueForm {
        let values = Dictionary(uniqueKeysWithValues: type.allCases.map { ($0.rawValue, $0) })
        let names = type.allCases.map(\.rawValue)
        return .scalar("one of \(names.joined(separator: ", "))", example: names.first ?? "") { values[$0] }
    }
}

extension ValueForm where Value == Int32 {
    /// A signal that can end a process in an orderly way, by name or number.
    static var signal: ValueForm {
        .scalar("a signal: TERM, INT, QUIT, HUP, USR1, USR2 or WINCH", example: "QUIT") { text in
            let bare = text.uppercased().hasPrefix("SIG") ? String(text.dropFirst(3)) : text
            return signals[bare.uppercased()] ?? Int32(text).flatMap { signals.values.contains($0) ? $0 : nil }
        }
    }

    private static var signals: [String: Int32] {
        [
            "TERM": SIGTERM, "INT": SIGINT, "QUIT": SIGQUIT, "HUP": SIGHUP, "USR1": SIGUSR1, "USR2": SIGUSR2,
            "WINCH": SIGWINCH,
        ]
    }

    /// One that tells a process to take no new work; TSTP, TTIN and TTOU are caught by those that use them so.
    static var quietSignal: ValueForm {
        .scalar("a signal: TSTP, TTIN, TTOU, INT, QUIT, HUP, USR1, USR2 or WINCH", example: "TSTP") { text in
            let name = text.uppercased()
            let bare = name.hasPrefix("SIG") ? String(name.dropFirst(3)) : name
            return ["TSTP": SIGTSTP, "TTIN": SIGTTIN, "TTOU": SIGTTOU][bare]
                ?? signals[bare].flatMap { $0 == SIGTERM ? nil : $0 }
        }
    }
}

extension ValueForm where Value == Int {
    /// 0 … 7 or a name.
    static var logLevel: ValueForm {
        .scalar(
            "a number from 0 to 7, or one of critical, error, warning, info, debug, trace", example: "3"
        ) { text in
            switch text.lowercased() {
            case "critical", "crit": 0
            case "error": 1
            case "warning", "warn": 2
            case "notice", "info": 3
            case "debug": 5
            case "trace": 7
            default: Int(text).flatMap { (0...7).contains($0) ? $0 : nil }
            }
        }
    }
}

extension ValueForm where Value == ClosedRange<Int> {
    /// `200` or `200-399`.
    static var statusRange: ValueForm {
        .scalar("an HTTP status or a range of them", example: "200-399") { text in
            let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard (1...2).contains(parts.count), let low = parts[0], let high = parts[parts.count - 1] else {
                return nil
            }
            guard low <= high, (100...599).contains(low), (100...599).contains(high) else { return nil }
            return low...high
        }
    }
}
