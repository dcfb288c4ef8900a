/// Why an answer is not stored.
package enum StoreRefusal: String, Sendable, CaseIterable {
    /// Not one of the statuses that are cached here.
    case status
    /// no-store, private or no-cache, with field names or without.
    case forbidden
    case setCookie
    /// Neither s-maxage, max-age nor Expires, or a malformed one. Freshness is never guessed.
    case noFreshness
    /// As old already as it may get, or older.
    case stale
    /// Vary of everything, of too many or too long fields, or of fields that the app sees otherwise than the client sent them.
    case vary
    /// X-Sendfile and X-Accel-Redirect: the answer's body is not in it.
    case sendfile
    /// Head and body over the limit of one entry.
    case tooLarge
    /// Its end is the end of the connection, so that a whole answer looks like half of one.
    case noLength
    /// Fewer bytes than its Content-Length, or more.
    case truncated
    /// Another generation answered than the one that was looked up.
    case generation
    /// The target was changed, or the generation dropped, while the answer was under way.
    case invalidated
    /// More answers are under way than memory is there.
    case noMemory
    /// The leader went away: its client, or the worker.
    case abandoned

    /// Whether the next requests can expect the same: they do not wait for each other then.
    var isOfTheURL: Bool {
        switch self {
        case .status, .forbidden, .setCookie, .noFreshness, .stale, .vary, .sendfile, .tooLarge, .noLength: true
        case .truncated, .generation, .invalidated, .noMemory, .abandoned: false
        }
    }
}
