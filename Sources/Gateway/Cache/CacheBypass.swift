/// Why a request has nothing to do with the cache: it is neither answered from it, nor is its answer stored.
package enum CacheBypass: String, Error, Sendable, CaseIterable {
    /// Neither GET nor HEAD.
    case method
    /// A GET with a body: what it means is the app's secret.
    case body
    case upgrade
    /// Not a path, or no host: nothing to name the entry by.
    case target
    /// A target of over 4 KiB, a head of over 16 KiB.
    case tooLong
    case authorization
    /// Range or If-Range.
    case range
    /// If-Match or If-Unmodified-Since: for the origin to judge.
    case precondition
    case noStore
    /// Reload: no-cache, max-age=0, or Pragma without Cache-Control.
    case reload
    /// A number in Cache-Control that is none.
    case malformed
    /// A field by which some frameworks take another method or path than the request line's: not in the key.
    case override
    /// `Forwarded` of a trusted proxy, which may name another host or scheme. Not in the key.
    case forwarded
    /// The cookie that answers vary by, twice: which one the app takes is not known.
    case repeatedCookie
}
