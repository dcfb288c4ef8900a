internal import Model

/// One pair of files over time: when to read them, what of it to use, when to complain. Pure.
struct PairWatch: Sendable {
    struct Stamps: Equatable, Sendable {
        var chain: FileStamp
        var key: FileStamp
    }

    /// A renewal writes two files, one after the other: until then a pair that does not fit is no news.
    static let grace: Duration = .seconds(5)
    /// A failed pair is read again though nothing seems to have changed: a write may have come between two reads, within
    /// one tick of the file system's clock. After this long it has not.
    static let eagerness: Duration = .seconds(30)

    let files: CertificateFiles
    private(set) var current: CertificatePair?
    private(set) var problem: CertificateProblem?
    /// Of the last attempt, whatever came of it; nil when the files could not be read.
    private(set) var stamps: Stamps?
    private var failingSince: Instant?
    private var reported: CertificateProblem?

    init(_ files: CertificateFiles) { self.files = files }

    func wantsReading(_ seen: Stamps?, now: Instant) -> Bool {
        if seen != stamps { return true }
        guard let failingSince else { return false }
        return now - failingSince < Self.eagerness
    }

    /// True when another pair is to be used from here on.
    mutating func wasRead(
        _ result: Result<CertificatePair, CertificateProblem>, stamps: Stamps?, now: Instant, unixSeconds: Int64
    ) -> Bool {
        self.stamps = stamps
        switch result {
        case .failure(let problem):
            fail(problem, now)
            return false
        case .success(let pair):
            if let problem = whyWorse(pair, unixSeconds) {
                fail(problem, now)
                return false
            }
            current = pair
            problem = nil
            failingSince = nil
            reported = nil
            return true
        }
    }

    /// Without another certificate, or with one just as invalid, the new one is used: a wrong clock must not stop the
    /// server, and clients will say what they think of it.
    private func whyWorse(_ pair: CertificatePair, _ unixSeconds: Int64) -> CertificateProblem? {
        guard !pair.isValid(at: unixSeconds), let current, current.isValid(at: unixSeconds) else { return nil }
        let reason: CertificateProblem.Reason =
            unixSeconds > pair.validUntil ? .expired(since: pair.validUntil) : .notYetValid(until: pair.validFrom)
        return CertificateProblem(files: files, path: files.chain, reason: reason)
    }

    private mutating func fail(_ problem: CertificateProblem, _ now: Instant) {
        self.problem = problem
        if failingSince == nil { failingSince = now }
    }

    /// The problem, once, when it has lasted. `patient` false: at once.
    mutating func problemToReport(now: Instant, patient: Bool) -> CertificateProblem? {
        guard let problem, let failingSince, problem != reported, !patient || now - failingSince >= Self.grace else {
            return nil
        }
        reported = problem
        return problem
    }
}
