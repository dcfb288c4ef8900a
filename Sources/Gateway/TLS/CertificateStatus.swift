package import Model

/// What `status` says of one pair.
package struct CertificateStatus: Equatable, Sendable {
    package enum Warning: Equatable, Sendable {
        /// Of the certificate in use.
        case expired
        case expiresSoon
        case notYetValid
        case keyReadableByOthers
        /// No client's server name selects it.
        case noNames
    }

    package var files: CertificateFiles
    /// Nil: none of these files has been usable yet.
    package var validUntil: Int64?
    package var names: [String]
    /// Why the files on disk are not what is in use.
    package var problem: CertificateProblem?
    package var warnings: [Warning]

    static let soon: Int64 = 14 * 86400

    init(_ watch: PairWatch, unixSeconds: Int64) {
        files = watch.files
        validUntil = watch.current?.validUntil
        names = watch.current?.names ?? []
        problem = watch.problem
        warnings = []
        if watch.stamps?.key.isReadableByOthers == true { warnings.append(.keyReadableByOthers) }
        guard let pair = watch.current else { return }
        if pair.names.isEmpty { warnings.append(.noNames) }
        if unixSeconds < pair.validFrom {
            warnings.append(.notYetValid)
        } else if unixSeconds > pair.validUntil {
            warnings.append(.expired)
        } else if pair.validUntil - unixSeconds < Self.soon {
            warnings.append(.expiresSoon)
        }
    }
}

/// What a look at the files brought.
package struct CertificateChanges: Equatable, Sendable {
    /// Pairs now in use that were not before.
    package var replaced: [CertificateFiles] = []
    /// Each problem once.
    package var problems: [CertificateProblem] = []
}
