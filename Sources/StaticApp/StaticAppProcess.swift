internal import Glibc
internal import HTTP1
internal import Linux
internal import Model

/// `passenger _static-app DIRECTORY`: see the README.
package enum StaticAppProcess {
    // As every loader has them (scripts/loaders/README.md).
    private static let listener: Int32 = 3
    private static let handshake: Int32 = 4
    private static let longestPage = 1 << 20
    /// As many as the gateway may have under way at a worker that speaks HTTP.
    private static let concurrency = 1024

    package static func run(directory: String) -> Int32 {
        guard !directory.isEmpty else {
            return fail(
                "an app of type static has no directory of files", hint: "Set 'static_files_dir', such as public.")
        }
        let pages: StaticPages
        do throws(SystemError) {
            let index = try readFile("\(directory)/index.html", limit: longestPage)
            // Most sites have none.
            pages = StaticPages(index: index, notFound: try? readFile("\(directory)/404.html", limit: longestPage))
        } catch {
            return fail(
                "the site has no index.html that can be read: \(error)",
                hint:
                    "Is it built? 'static_files_dir' names the directory of the files, 'deploy.build' what makes them.")
        }
        say(#"{"version":1,"type":"ready","protocol":"http","concurrency":\#(concurrency)}"#)
        serve(pages)
        return 1
    }

    private static func fail(_ summary: String, hint: String) -> Int32 {
        say(
            #"{"version":1,"type":"error","step":"load_app","summary":\#(JSONText.quoted(summary)),"#
                + #""hint":\#(JSONText.quoted(hint))}"#)
        return 1
    }

    /// A core that has gone has to hear nothing.
    private static func say(_ line: String) {
        try? writeAll(handshake, Array("\(line)\n".utf8))
        closeDescriptors([handshake])
    }

    private static func serve(_ pages: StaticPages) {
        while true {
            // This process starts no other, which could inherit it.
            let socket = accept(listener, nil, nil)
            if socket >= 0 {
                startThread(name: "connection") { StaticConnection(Descriptor(owning: socket), pages).serve() }
            } else if errno == EMFILE || errno == ENFILE || errno == ENOMEM {
                // A connection of the gateway's ends sooner or later; asking again at once would only take the processor.
                usleep(20_000)
            } else if errno != EINTR && errno != ECONNABORTED {
                return
            }
        }
    }
}

/// One connection of the gateway's, until it closes it.
private struct StaticConnection: ~Copyable {
    private let socket: Descriptor
    private let pages: StaticPages

    init(_ socket: consuming Descriptor, _ pages: StaticPages) {
        self.socket = socket
        self.pages = pages
    }

    func serve() {
        var parser = RequestHeadParser()
        var head = RequestHead()
        var bytes: [UInt8] = []
        while true {
            switch bytes.withUnsafeBytes({ parser.parse($0, into: &head) }) {
            case .rejected: return
            case .needMore:
                guard let more = receive() else { return }
                bytes += more
            case .complete(let length):
                let keepsAlive = head.body == .none || head.body == .length(0)
                let path = bytes.withUnsafeBytes { String(decoding: head.path.of($0), as: UTF8.self) }
                guard send(pages.answer(to: head.method, path: path, keepsAlive: keepsAlive)) else { return }
                guard keepsAlive else { return leave() }
                bytes.removeFirst(length)
            }
        }
    }

    /// What still comes is thrown away until the gateway closes: a reset could lose the answer.
    private func leave() {
        shutdown(socket.number, Int32(SHUT_WR))
        while receive() != nil {}
    }

    /// Nil at the end.
    private func receive() -> [UInt8]? {
        while true {
            var code: Int32 = 0
            let piece = [UInt8](unsafeUninitializedCapacity: 8 << 10) { buffer, count in
                let received = recv(socket.number, buffer.baseAddress, buffer.count, 0)
                code = received < 0 ? errno : 0
                count = max(0, received)
            }
            if code == EINTR { continue }
            return piece.isEmpty ? nil : piece
        }
    }

    private func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(socket.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 { sent += count } else if errno != EINTR { return false }
        }
        return true
    }
}
