internal import Model
internal import NIOCore
package import NIOSSL

/// A chain and its key that belong together, ready to answer handshakes.
package struct CertificatePair: Sendable {
    package let context: NIOSSLContext
    /// Of the leaf, in lower case: `example.com`, `*.example.com`.
    package let names: [String]
    /// Seconds since 1970.
    package let validFrom: Int64
    package let validUntil: Int64

    static let longestChain = 16
    static let chainLimit = 256 << 10
    static let keyLimit = 64 << 10

    package func isValid(at seconds: Int64) -> Bool { seconds >= validFrom && seconds <= validUntil }
}

extension CertificatePair {
    /// Slow (parsing, a signature's worth of arithmetic): not on an event loop.
    init(
        chain: [UInt8], key: [UInt8], files: CertificateFiles, http2: Bool
    ) throws(CertificateProblem) {
        let certificates = try Self.certificates(chain, files)
        let leaf = certificates[0]
        let privateKey = try Self.key(key, files)
        context = try Self.context(certificates, privateKey, files, http2: http2)
        names = CertificateNames.of(leaf)
        validFrom = Int64(leaf.notValidBefore)
        validUntil = Int64(leaf.notValidAfter)
    }

    /// At least one.
    private static func certificates(
        _ bytes: [UInt8], _ files: CertificateFiles
    ) throws(CertificateProblem) -> [NIOSSLCertificate] {
        // The reason that BoringSSL has is "no start line" for everything: not worth passing on.
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty else {
            throw CertificateProblem(files: files, path: files.chain, reason: .notACertificate)
        }
        guard certificates.count <= longestChain else {
            throw CertificateProblem(files: files, path: files.chain, reason: .chainTooLong)
        }
        return certificates
    }

    private static func key(_ bytes: [UInt8], _ files: CertificateFiles) throws(CertificateProblem) -> NIOSSLPrivateKey
    {
        // Both spellings of RFC 7468 and of OpenSSL's own format have the word in their clear part.
        if contains(bytes, "ENCRYPTED") {
            throw CertificateProblem(files: files, path: files.key, reason: .encryptedKey)
        }
        // Without a callback BoringSSL would ask for a passphrase on the terminal and wait.
        let refuse: NIOSSLPassphraseCallback<[UInt8]> = { _ in throw NoPassphrase() }
        guard let key = try? NIOSSLPrivateKey(bytes: bytes, format: .pem, passphraseCallback: refuse) else {
            throw CertificateProblem(files: files, path: files.key, reason: .notAKey)
        }
        return key
    }

    private struct NoPassphrase: Error {}

    private static func contains(_ bytes: [UInt8], _ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        let pattern = UnsafeBufferPointer(start: word.utf8Start, count: count)
        guard bytes.count >= count else { return false }
        return (0...(bytes.count - count)).contains { bytes[$0..<($0 + count)].elementsEqual(pattern) }
    }

    /// Fails when the key is not the leaf's: BoringSSL compares their public halves.
    private static func context(
        _ chain: [NIOSSLCertificate], _ key: NIOSSLPrivateKey, _ files: CertificateFiles, http2: Bool
    ) throws(CertificateProblem) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.cipherSuites = CipherSuites.intermediate
        configuration.applicationProtocols = http2 ? ["h2", "http/1.1"] : ["http/1.1"]
        // How long a client's close_notify is waited for once ours is out.
        configuration.shutdownTimeout = .seconds(2)
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch NIOSSLError.failedToLoadPrivateKey {
            throw CertificateProblem(files: files, path: files.key, reason: .keyDoesNotMatch)
        } catch {
            throw CertificateProblem(files: files, path: files.chain, reason: .refused("\(error)"))
        }
    }
}

enum CipherSuites {
    /// Of TLS 1.2: Mozilla's "intermediate" list (version 5.7), forward secret and authenticated throughout. Brackets are
    /// equals, among which the client's order counts: it knows whether it has AES in hardware. TLS 1.3 has its own,
    /// which are all good.
    static let intermediate = """
        [ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]:\
        [ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]:\
        ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384
        """
}
