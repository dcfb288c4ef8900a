internal import NIOSSL

extension TLSNegotiation.Failure {
    /// In words: the library's own description is a dump of its types, with the places in its sources.
    init(_ error: any Error) {
        guard let error = error as? NIOSSLError else {
            self = .handshake("\(error)")
            return
        }
        guard case .handshakeFailed(let cause) = error else {
            self = .handshake(Self.spaced("\(error)"))
            return
        }
        if case .sslError(let stack) = cause, !stack.isEmpty {
            self = .handshake(stack.map { Self.reason(in: $0.description) }.joined(separator: ", "))
        } else {
            self = .handshake(Self.spaced("\(cause)"))
        }
    }

    /// `unsupported protocol` of `Error: 268435696 error:100000f0:SSL routines:OPENSSL_internal:UNSUPPORTED_PROTOCOL at …`.
    static func reason(in text: String) -> String {
        let parts = text.split(separator: ":")
        guard let mark = parts.firstIndex(of: "OPENSSL_internal"), mark + 1 < parts.count else {
            // Of the library's own making: `Error: EOF during handshake`.
            return String(text.trimmingPrefix("Error:").drop { $0 == " " })
        }
        return parts[mark + 1].prefix { $0 != " " }.lowercased().split(separator: "_").joined(separator: " ")
    }

    /// `unclean shutdown` of `uncleanShutdown`.
    private static func spaced(_ name: String) -> String {
        name.prefix { $0 != "(" }.reduce(into: "") { $0 += $1.isUppercase ? " \($1.lowercased())" : "\($1)" }
    }
}
