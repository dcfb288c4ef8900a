import CGit2

/// Puts an `SSHConnection` under libgit2's smart protocol.
///
/// Debian's libgit2 has an SSH transport over libssh2, which knows neither rsa-sha2 signatures nor ~/.ssh/config and
/// would leave the checking of host keys to us. This one is given to each fetch; nothing is registered globally.
enum SSHTransport {
    static func make(
        _ out: UnsafeMutablePointer<UnsafeMutablePointer<git_transport>?>?, remote: OpaquePointer?,
        connection: SSHConnection
    ) -> Int32 {
        var definition = git_smart_subtransport_definition(
            callback: makeSubtransport, rpc: 0, param: Unmanaged.passUnretained(connection).toOpaque())
        return git_transport_smart(out, remote, &definition)
    }

    private static let makeSubtransport: git_smart_subtransport_cb = { out, _, parameter in
        guard let out, let parameter else { return -1 }
        let connection = Unmanaged<SSHConnection>.fromOpaque(parameter).takeUnretainedValue()
        let subtransport = UnsafeMutablePointer<passenger_git_subtransport>.allocate(capacity: 1)
        subtransport.initialize(to: passenger_git_subtransport())
        subtransport.pointee.context = Unmanaged.passRetained(connection).toOpaque()
        subtransport.pointee.base.action = openStream
        subtransport.pointee.base.close = { pointer in
            SSHTransport.connection(of: pointer)?.close()
            return 0
        }
        subtransport.pointee.base.free = { pointer in
            guard let pointer else { return }
            pointer.withMemoryRebound(to: passenger_git_subtransport.self, capacity: 1) { subtransport in
                if let context = subtransport.pointee.context {
                    Unmanaged<SSHConnection>.fromOpaque(context).release()
                }
                subtransport.deallocate()
            }
        }
        out.pointee = UnsafeMutableRawPointer(subtransport).assumingMemoryBound(to: git_smart_subtransport.self)
        return 0
    }

    /// Called for the list of refs and again for the pack: one stream serves both, and libgit2 insists that it is the same.
    private static let openStream:
        @convention(c) (
            UnsafeMutablePointer<UnsafeMutablePointer<git_smart_subtransport_stream>?>?,
            UnsafeMutablePointer<git_smart_subtransport>?, UnsafePointer<CChar>?, git_smart_service_t
        ) -> Int32 = { out, pointer, _, service in
            guard let out, let pointer, let connection = SSHTransport.connection(of: pointer) else { return -1 }
            guard service == GIT_SERVICE_UPLOADPACK_LS || service == GIT_SERVICE_UPLOADPACK else { return -1 }
            return pointer.withMemoryRebound(to: passenger_git_subtransport.self, capacity: 1) { subtransport in
                if let open = subtransport.pointee.stream {
                    out.pointee = open
                    return 0
                }
                guard connection.start() else { return -1 }
                let stream = SSHTransport.makeStream(subtransport)
                subtransport.pointee.stream = stream
                out.pointee = stream
                return 0
            }
        }

    private static func makeStream(
        _ subtransport: UnsafeMutablePointer<passenger_git_subtransport>
    ) -> UnsafeMutablePointer<git_smart_subtransport_stream> {
        let stream = UnsafeMutablePointer<git_smart_subtransport_stream>.allocate(capacity: 1)
        stream.initialize(to: git_smart_subtransport_stream())
        stream.pointee.subtransport = UnsafeMutableRawPointer(subtransport)
            .assumingMemoryBound(to: git_smart_subtransport.self)
        stream.pointee.read = { stream, buffer, size, count in
            guard let stream, let buffer, let connection = SSHTransport.connection(of: stream.pointee.subtransport),
                let got = connection.read(into: UnsafeMutableRawBufferPointer(start: buffer, count: size))
            else { return -1 }
            count?.pointee = got
            return 0
        }
        stream.pointee.write = { stream, bytes, size in
            guard let stream, let connection = SSHTransport.connection(of: stream.pointee.subtransport) else {
                return -1
            }
            return connection.write(UnsafeRawBufferPointer(start: bytes, count: size)) ? 0 : -1
        }
        stream.pointee.free = { stream in
            guard let stream else { return }
            stream.pointee.subtransport?.withMemoryRebound(to: passenger_git_subtransport.self, capacity: 1) {
                $0.pointee.stream = nil
            }
            stream.deallocate()
        }
        return stream
    }

    private static func connection(of pointer: UnsafeMutablePointer<git_smart_subtransport>?) -> SSHConnection? {
        pointer?.withMemoryRebound(to: passenger_git_subtransport.self, capacity: 1) { subtransport in
            subtransport.pointee.context.map { Unmanaged<SSHConnection>.fromOpaque($0).takeUnretainedValue() }
        }
    }
}
