/// A client's connection that a core gives to the next one, with its descriptor: nothing is under way on it, so that the client
/// notices nothing. One message (`MessageCodec`) of a packet socket between the two cores, with one descriptor.
package struct HandedConnection: Sendable, Equatable {
    /// One side of it; the address is an IP address as text.
    package struct End: Sendable, Equatable {
        package var address: String
        package var port: UInt16
        package init(address: String, port: UInt16) {
            self.address = address
            self.port = port
        }
    }

    /// The more of what it has sent comes with it; the kernel still holds the rest.
    package static let mostUnread = 96 << 10

    /// That took it.
    package var listener: String
    /// Who the client is, as the socket or a PROXY header said; nil on a Unix socket.
    package var peer: End?
    package var local: End?
    package var isSecure: Bool
    /// Behind a PROXY header that names nobody, nobody is believed.
    package var isKnown: Bool
    /// The descriptor is not the client's socket: the core before takes the bytes out of TLS, for as long as it lives. So the
    /// next answer is the connection's last.
    package var isRelayed: Bool
    /// It had no request yet.
    package var isNew: Bool
    /// Read, and not yet looked at.
    package var unread: [UInt8]

    package init(
        listener: String, peer: End?, local: End?, isSecure: Bool, isKnown: Bool, isRelayed: Bool, isNew: Bool,
        unread: [UInt8]
    ) {
        self.listener = listener
        self.peer = peer
        self.local = local
        self.isSecure = isSecure
        self.isKnown = isKnown
        self.isRelayed = isRelayed
        self.isNew = isNew
        self.unread = unread
    }
}

extension MessageCodec {
    package static func encode(_ connection: HandedConnection) -> [UInt8] {
        var writer = writer(.client)
        writer.text(connection.listener)
        writer.optional(connection.peer) { $0.end($1) }
        writer.optional(connection.local) { $0.end($1) }
        writer.flag(connection.isSecure)
        writer.flag(connection.isKnown)
        writer.flag(connection.isRelayed)
        writer.flag(connection.isNew)
        writer.blob(connection.unread)
        return writer.bytes
    }

    package static func decodeClient(_ bytes: [UInt8]) throws(CodecError) -> HandedConnection {
        try decode(bytes, .client) { reader throws(CodecError) in
            HandedConnection(
                listener: try reader.text(),
                peer: try reader.optional { reader throws(CodecError) in try reader.clientEnd() },
                local: try reader.optional { reader throws(CodecError) in try reader.clientEnd() },
                isSecure: try reader.flag(), isKnown: try reader.flag(), isRelayed: try reader.flag(),
                isNew: try reader.flag(), unread: try reader.blob())
        }
    }
}

extension ByteWriter {
    fileprivate mutating func end(_ end: HandedConnection.End) {
        text(end.address)
        integer(end.port)
    }
}

extension ByteReader {
    fileprivate mutating func clientEnd() throws(CodecError) -> HandedConnection.End {
        HandedConnection.End(address: try text(), port: try integer())
    }
}
