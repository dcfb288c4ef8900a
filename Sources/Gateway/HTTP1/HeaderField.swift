/// One field line of a head: where its name and its trimmed value lie, and which well-known field it is.
package struct HeaderField: Equatable, Sendable {
    package var name: ByteRange
    /// Without the white space around it (RFC 9112 section 5.1).
    package var value: ByteRange
    package var id: FieldName

    @inlinable
    package init(name: ByteRange, value: ByteRange, id: FieldName) {
        self.name = name
        self.value = value
        self.id = id
    }
}
