import Model

/// Names of what is not finished or not yet deleted. They begin with a dot and never look like a release's.
extension FileName {
    enum Purpose: String, CaseIterable {
        case checkout = ".tmp-"
        case removal = ".trash-"
        case currentLink = ".current-"
    }

    static func temporary(_ purpose: Purpose, number: DeployNumber) -> FileName { temporary(purpose, "\(number)") }

    static func temporary(_ purpose: Purpose, of release: ReleaseName) -> FileName {
        temporary(purpose, release.number.map { "\($0)" } ?? "\(release)")
    }

    private static func temporary(_ purpose: Purpose, _ what: String) -> FileName {
        let random = String(UInt64.random(in: 0 ... .max), radix: 36)
        return FileName(made: "\(purpose.rawValue)\(what)-\(random)")
    }

    func has(_ purpose: Purpose) -> Bool { hasPrefix(purpose.rawValue) }
}
