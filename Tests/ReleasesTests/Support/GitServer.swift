import Foundation
import Glibc
import Linux
import Testing

/// A git repository over HTTP: git http-backend behind Python's server, ended with the test.
final class GitServer {
    let port: Int
    private let pid: Int32

    /// With a certificate and its key, as files in PEM, it speaks HTTPS.
    init(root: String, credentials: String? = nil, certificate: (String, String)? = nil) throws {
        let output = try Linux.Pipe(nonBlockingReader: false)
        pid = try spawnProcess(
            path: "/usr/bin/python3",
            arguments: ["python3", "-c", GitServer.script, root, credentials ?? ""]
                + (certificate.map { [$0.0, $0.1] } ?? []),
            environment: ["PATH=/usr/bin:/bin", "HOME=/nonexistent"],
            moves: [
                DescriptorMove(source: output.writer.number, target: 1), DescriptorMove(source: 2, target: 2),
            ])
        let line = String(decoding: try readSome(output.reader.number, limit: 16), as: UTF8.self)
        port = try #require(Int(line.trimmingCharacters(in: .newlines)))
    }

    deinit {
        kill(pid, SIGKILL)
        _ = try? waitForChild(pid)
    }

    /// Arguments: the directory to serve, USER:PASSWORD to ask for or nothing, certificate, key. Prints its port first.
    private static let script = #"""
        import base64
        import http.server
        import os
        import ssl
        import subprocess
        import sys

        ROOT = sys.argv[1]
        CREDENTIALS = sys.argv[2]


        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def log_message(self, *args):
                pass

            def body(self):
                if self.headers.get("Transfer-Encoding", "") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                whole = b""
                while size := int(self.rfile.readline(), 16):
                    whole += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return whole

            def serve(self):
                body = self.body()
                if CREDENTIALS:
                    expected = "Basic " + base64.b64encode(CREDENTIALS.encode()).decode()
                    if self.headers.get("Authorization") != expected:
                        self.send_response(401)
                        self.send_header("WWW-Authenticate", 'Basic realm="git"')
                        self.send_header("Content-Length", "0")
                        self.end_headers()
                        return
                path, _, query = self.path.partition("?")
                environment = dict(
                    os.environ, GIT_PROJECT_ROOT=ROOT, GIT_HTTP_EXPORT_ALL="1", PATH_INFO=path, QUERY_STRING=query,
                    REQUEST_METHOD=self.command, CONTENT_TYPE=self.headers.get("Content-Type", ""),
                    CONTENT_LENGTH=str(len(body)))
                done = subprocess.run(["git", "http-backend"], input=body, env=environment, stdout=subprocess.PIPE)
                head, _, content = done.stdout.partition(b"\r\n\r\n")
                fields = [line.split(": ", 1) for line in head.decode().split("\r\n")]
                status = next((value for name, value in fields if name == "Status"), "200 OK")
                self.send_response(int(status.split()[0]))
                for name, value in fields:
                    if name != "Status":
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = serve


        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if len(sys.argv) > 3:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(sys.argv[3], sys.argv[4])
            server.socket = context.wrap_socket(server.socket, server_side=True)
        print(server.server_address[1], flush=True)
        server.serve_forever()
        """#
}
