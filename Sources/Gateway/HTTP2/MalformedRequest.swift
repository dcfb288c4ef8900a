/// Why a request never becomes one (RFC 9113 section 8.1.1): its stream is reset with PROTOCOL_ERROR, and nobody sees it.
enum MalformedRequest: Error, Equatable, CaseIterable {
    case fieldName
    case fieldValue
    case pseudoFieldAfterField
    case repeatedPseudoField
    case unknownPseudoField
    case missingPseudoField
    case method
    /// No tunnels here; nor the extended CONNECT of RFC 8441, which is not announced.
    case connect
    case scheme
    case path
    case authority
    case connectionField
    case repeatedHost
    case hostIsNotAuthority
    case contentLength
    case repeatedContentLength
    /// Content-Length says more or less than what came.
    case bodyLength
}
