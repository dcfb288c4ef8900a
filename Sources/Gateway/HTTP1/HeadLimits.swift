/// What a stranger may send before being told 414 or 431. In bytes, except `fields`.
package struct HeadLimits: Equatable, Sendable {
    /// Whole head, with its empty line.
    package var head: Int
    /// Start line without its CRLF.
    package var startLine: Int
    package var fields: Int

    package init(head: Int = 64 << 10, startLine: Int = 16 << 10, fields: Int = 200) {
        // Offsets are 32 bits wide; no head comes near that.
        self.head = min(max(head, 16), 1 << 24)
        self.startLine = startLine
        self.fields = fields
    }
}
