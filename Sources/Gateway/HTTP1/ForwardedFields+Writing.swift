/// The two ways to tell a worker about a request.
package enum HeadForm: Equatable, Sendable {
    /// `SessionHead`
    case session
    /// `ForwardHead`
    case http
}

extension ForwardedFields {
    /// Call it between `begin` and `end` of the head's writer, which must have been given `dropping`.
    package func write(
        as form: HeadForm, _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, _ origin: RequestOrigin,
        to writer: inout ByteWriter
    ) {
        var out = FieldOutput(form: form, writer: writer)
        if origin.hasClaims {
            writeClaims(head, bytes, origin, to: &out)
        } else {
            writeOwn(head, bytes, to: &out)
        }
        out.begin(.xRequestID)
        if let kept = origin.keptID { out.writer.write(kept.of(bytes)) } else { origin.id.write(to: &out.writer) }
        out.end()
        if isTrusted, out.keep(.xRequestStart, head, bytes) {
            // A proxy in front knows better when the request arrived.
        } else {
            out.begin(.xRequestStart)
            out.writer.write("t=")
            origin.arrived.write(to: &out.writer)
            out.end()
        }
        writer = out.writer
    }

    /// Nobody who is believed has said anything.
    private func writeOwn(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer, to out: inout FieldOutput) {
        prebuilt.withUnsafeBytes { prebuilt in
            let part = out.form == .session ? prebuilt[..<split] : prebuilt[split...]
            out.writer.write(UnsafeRawBufferPointer(rebasing: part))
        }
        let host = head.host.of(bytes)
        if !host.isEmpty {
            // Quoted because of ports; a host has no quotes or backslashes (`HostValue`).
            out.writer.write(";host=\"")
            out.writer.write(host)
            out.writer.write(byte: UInt8(ascii: "\""))
            out.end()
            out.begin(.xForwardedHost)
            out.writer.write(host)
        }
        out.end()
        out.begin(.xForwardedPort)
        writePort(head, bytes, isSecure: isSecure, to: &out.writer)
        out.end()
    }

    private func writeClaims(
        _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, _ origin: RequestOrigin, to out: inout FieldOutput
    ) {
        writeForwardedFor(head, bytes, origin, to: &out)
        if head.known.contains(.forwarded) {
            out.begin(.forwarded)
            out.writeValues(of: .forwarded, head, bytes)
            node.withUnsafeBytes { node in
                guard !node.isEmpty else { return }
                out.writer.write(", ")
                out.writer.write(UnsafeRawBufferPointer(rebasing: node[nodeStart...]))
            }
            out.end()
        }
        if !out.keep(.xForwardedProto, head, bytes) {
            out.begin(.xForwardedProto)
            out.writer.write(origin.isSecure ? "https" : "http")
            out.end()
        }
        writeHostAndPort(head, bytes, origin, to: &out)
        for name in ForwardedFields.keptAsTheyAre { _ = out.keep(name, head, bytes) }
    }

    private static let keptAsTheyAre: [FieldName] = [
        .xForwardedServer, .xForwardedSSL, .xForwardedPrefix, .xForwardedScheme, .xRealIP,
    ]

    private func writeForwardedFor(
        _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, _ origin: RequestOrigin, to out: inout FieldOutput
    ) {
        out.begin(.xForwardedFor)
        var isFirst = true
        if head.known.contains(.xForwardedFor) {
            isFirst = !out.writeValues(of: .xForwardedFor, head, bytes)
        } else if let client = origin.client, client != peer {
            // Said by Forwarded alone.
            out.write(client.description)
            isFirst = false
        }
        node.withUnsafeBytes { node in
            if !node.isEmpty {
                if !isFirst { out.writer.write(", ") }
                out.writer.write(UnsafeRawBufferPointer(rebasing: node[..<nodeStart]))
            } else if isFirst {
                out.writer.write("127.0.0.1")
            }
        }
        out.end()
    }

    private func writeHostAndPort(
        _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, _ origin: RequestOrigin, to out: inout FieldOutput
    ) {
        let hasHost = out.keep(.xForwardedHost, head, bytes)
        let hasForwarded = head.known.contains(.forwarded)
        if !hasHost, !hasForwarded, !head.host.isEmpty {
            out.begin(.xForwardedHost)
            out.writer.write(head.host.of(bytes))
            out.end()
        }
        // Host is the proxy's name for us when it says what the client's was.
        if !out.keep(.xForwardedPort, head, bytes), !hasHost, !hasForwarded {
            out.begin(.xForwardedPort)
            writePort(head, bytes, isSecure: origin.isSecure, to: &out.writer)
            out.end()
        }
    }

    private func writePort(
        _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, isSecure: Bool, to writer: inout ByteWriter
    ) {
        guard !head.host.isEmpty else { return writer.write(decimal: serverPort) }
        // Behind the name a colon and digits, or nothing; a colon alone means the default port.
        let port = ByteRange(start: head.hostName.end, end: head.host.end).of(bytes).dropFirst()
        if port.isEmpty {
            writer.write(isSecure ? "443" : "80")
        } else {
            writer.write(UnsafeRawBufferPointer(rebasing: port))
        }
    }
}

/// Writes fields in one of the two forms.
private struct FieldOutput {
    let form: HeadForm
    var writer: ByteWriter

    @inline(__always)
    mutating func begin(_ name: FieldName) {
        writer.write(form == .session ? FieldOutput.sessionKey(name) : FieldOutput.fieldStart(name))
    }

    @inline(__always)
    mutating func end() { writer.write(form == .session ? "\0" : "\r\n") }

    mutating func write(_ text: String) { Array(text.utf8).withUnsafeBytes { writer.write($0) } }

    /// All values of the field, joined: in the session protocol a key appears once. False when there was none.
    @discardableResult
    mutating func writeValues(of name: FieldName, _ head: RequestHead, _ bytes: UnsafeRawBufferPointer) -> Bool {
        var isFirst = true
        for field in head.fields where field.id == name && !field.value.isEmpty {
            if !isFirst { writer.write(", ") }
            writer.write(field.value.of(bytes))
            isFirst = false
        }
        return !isFirst
    }

    /// Passes the client's field on. False when there is none, or it says nothing.
    mutating func keep(_ name: FieldName, _ head: RequestHead, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard head.known.contains(name), head.fields.contains(where: { $0.id == name && !$0.value.isEmpty }) else {
            return false
        }
        begin(name)
        writeValues(of: name, head, bytes)
        end()
        return true
    }

    private static func sessionKey(_ name: FieldName) -> StaticString {
        switch name {
        case .forwarded: "HTTP_FORWARDED\0"
        case .xForwardedFor: "HTTP_X_FORWARDED_FOR\0"
        case .xForwardedProto: "HTTP_X_FORWARDED_PROTO\0"
        case .xForwardedHost: "HTTP_X_FORWARDED_HOST\0"
        case .xForwardedPort: "HTTP_X_FORWARDED_PORT\0"
        case .xForwardedServer: "HTTP_X_FORWARDED_SERVER\0"
        case .xForwardedSSL: "HTTP_X_FORWARDED_SSL\0"
        case .xForwardedPrefix: "HTTP_X_FORWARDED_PREFIX\0"
        case .xForwardedScheme: "HTTP_X_FORWARDED_SCHEME\0"
        case .xRealIP: "HTTP_X_REAL_IP\0"
        case .xRequestID: "HTTP_X_REQUEST_ID\0"
        case .xRequestStart: "HTTP_X_REQUEST_START\0"
        default: preconditionFailure("not a forwarding field: \(name)")
        }
    }

    private static func fieldStart(_ name: FieldName) -> StaticString {
        switch name {
        case .forwarded: "Forwarded: "
        case .xForwardedFor: "X-Forwarded-For: "
        case .xForwardedProto: "X-Forwarded-Proto: "
        case .xForwardedHost: "X-Forwarded-Host: "
        case .xForwardedPort: "X-Forwarded-Port: "
        case .xForwardedServer: "X-Forwarded-Server: "
        case .xForwardedSSL: "X-Forwarded-SSL: "
        case .xForwardedPrefix: "X-Forwarded-Prefix: "
        case .xForwardedScheme: "X-Forwarded-Scheme: "
        case .xRealIP: "X-Real-IP: "
        case .xRequestID: "X-Request-ID: "
        case .xRequestStart: "X-Request-Start: "
        default: preconditionFailure("not a forwarding field: \(name)")
        }
    }
}
