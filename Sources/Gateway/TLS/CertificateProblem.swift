package import Linux
package import Model

/// Why a pair of files is not used as it is on disk.
package struct CertificateProblem: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Reason: Equatable, Sendable {
        case unreadable(SystemError)
        case notACertificate
        case chainTooLong
        case notAKey
        case encryptedKey
        case keyDoesNotMatch
        /// BoringSSL would not take the pair for another reason.
        case refused(String)
        /// Seconds since 1970; another certificate of these files is still valid.
        case expired(since: Int64)
        case notYetValid(until: Int64)
    }

    package var files: CertificateFiles
    /// Which of the two files is at fault.
    package var path: String
    package var reason: Reason

    package init(files: CertificateFiles, path: String, reason: Reason) {
        self.files = files
        self.path = path
        self.reason = reason
    }

    package var description: String { "\(path): \(explanation)" }

    private var explanation: String {
        switch reason {
        case .unreadable(let error): "cannot be read: \(error.reason)"
        case .notACertificate: "is not a PEM certificate"
        case .chainTooLong: "has more than \(CertificatePair.longestChain) certificates"
        case .notAKey: "is not a PEM private key"
        case .encryptedKey: "is an encrypted private key; remove the passphrase (openssl pkey -in KEY -out NEW)"
        case .keyDoesNotMatch: "is not the key of the certificate in \(files.chain)"
        case .refused(let text): "cannot be used for TLS: \(text)"
        case .expired: "has expired; the certificate read before is still valid and stays"
        case .notYetValid: "is not valid yet; the certificate read before stays"
        }
    }
}
