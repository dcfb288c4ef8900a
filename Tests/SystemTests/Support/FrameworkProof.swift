import AdminAPI
import Foundation
import Model
import Testing

/// What of a framework must work, asked of its second version while there is load on it.
struct FrameworkProof {
    let server: TestServer

    init(_ server: TestServer) { self.server = server }

    private var origin: String { "http://127.0.0.1:\(server.port)" }

    /// The last argument is the path.
    func curl(_ arguments: String...) throws -> String { try curl(arguments) }

    func curl(_ arguments: [String]) throws -> String {
        let options = arguments.dropLast() + ["\(origin)\(arguments.last ?? "/")"]
        return try Clients.run(["curl", "-sS", "--max-time", "90"] + options, in: server.place).output
    }

    /// One of Tests/clients/real.py.
    func client(_ name: String, _ url: String) throws {
        try Clients.run(
            [try Clients.python(in: server.place), "\(Clients.directory)/real.py", name, url], in: server.place)
    }

    /// What one request stored in its client's cookie, the next one knows.
    func sessions() throws {
        var cookie = ""
        for visit in 1...3 {
            let answer = try fetch("/visits", port: server.port, headers: ["Cookie": cookie])
            #expect(answer.status == 200 && answer.line == "\(visit)", "\(answer.text)")
            cookie = String(try #require(answer.headers["set-cookie"]).prefix { $0 != ";" })
        }
    }

    // MARK: Rails

    func rails() throws {
        try sessions()
        try asset()
        try storage()
        try client("cable", "ws://127.0.0.1:\(server.port)/cable")
        let count = try server.begin(
            ["exec", "--root", server.directory, "--", "bin/rails", "runner", "puts Note.count"]
        ).wait(within: .seconds(180), "passenger exec")
        #expect(count.status == 0 && count.output.trimmed == "1", "\(count.everything)")
    }

    /// The page names its style sheet by a digest, and no worker is asked for it.
    private func asset() throws {
        let page = try server.get("/").text
        let path = String(
            try #require(page.firstMatch(of: #/href="(/assets/application-[0-9a-f]{64}\.css)"/#), "\(page)").1)
        let sheet = try server.get(path)
        #expect(sheet.status == 200 && sheet.text.contains("color: teal"), "\(sheet.text)")
        #expect(sheet.headers["cache-control"] == "public, max-age=31536000, immutable", "\(sheet.headers)")
    }

    /// By Active Storage: a record with a file, which is downloaded over two redirects and is what it was. The record has what
    /// version 2's migration added.
    private func storage() throws {
        let path = "\(server.place.path)/picture"
        let picture = (0..<200_003).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }
        try Data(picture).write(to: URL(fileURLWithPath: path))
        let note = try curl("-F", "text=with a picture", "-F", "picture=@\(path)", "/notes")
        #expect(note == #"{"id":1,"text":"with a picture","starred":false}"#, "\(note)\n\(server.log)")
        _ = try curl("-L", "-o", "\(path).back", "/notes/1/picture")
        let back = try Data(contentsOf: URL(fileURLWithPath: "\(path).back"))
        #expect(back == Data(picture), "\(back.count) bytes came back")
    }

    // MARK: Django

    /// Somebody is made who may, logs in with the form and its token, and sees the admin; its style sheet is one of the collected files.
    func django() throws {
        let made = try server.begin([
            "exec", "--root", server.directory, "--", "env", "DJANGO_SUPERUSER_PASSWORD=long and secret", "python3",
            "manage.py", "createsuperuser", "--no-input", "--username", "ann", "--email", "ann@example.com",
        ]).wait(within: .seconds(180), "passenger exec")
        try #require(made.status == 0, "\(made.everything)")
        let jar = "\(server.place.path)/cookies"
        let form = try curl("-c", jar, "/admin/login/")
        let token = try #require(form.firstMatch(of: #/name="csrfmiddlewaretoken" value="(\w+)"/#), "\(form)").1
        let page = try curl(
            "-L", "-b", jar, "-c", jar, "--data-urlencode", "username=ann", "--data-urlencode",
            "password=long and secret",
            "-d", "csrfmiddlewaretoken=\(token)", "/admin/login/?next=/admin/")
        #expect(page.contains("Site administration") && page.contains("Log out"), "\(page)")
        let sheet = try #require(page.firstMatch(of: #/href="(/static/admin/css/base\.css)"/#), "\(page)").1
        let answer = try server.get(String(sheet))
        #expect(answer.status == 200 && answer.headers["content-type"]?.hasPrefix("text/css") == true, "\(answer)")
        #expect(answer.headers["etag"] != nil)
    }

    // MARK: The others

    func sinatra() throws {
        #expect(try server.get("/").text == "<h1>Hello from 2</h1>")
        try sessions()
    }

    func rack() throws {
        let book = try server.get("/books/dune")
        #expect(book.text == "book dune at /books" && Double(book.headers["x-app-seconds"] ?? "") != nil, "\(book)")
        let nothing = try server.get("/nothing")
        #expect(nothing.status == 404 && nothing.text == "nothing here\n")
    }

    func flask() throws {
        #expect(try server.get("/").text == "<h1>Hello from 2</h1>")
        try sessions()
        let sent = try curl("-F", "file=@/etc/passwd;filename=list", "/upload")
        let length = text(of: "/etc/passwd").utf8.count
        #expect(sent.filter { !$0.isWhitespace } == #"{"bytes":\#(length),"name":"list"}"#, "\(sent)")
    }

    func fastAPI() throws {
        let json = ["-H", "Content-Type: application/json", "-w", " %{http_code}"]
        #expect(
            try curl(json + ["-d", #"{"text": "milk"}"#, "/notes"]) == #"{"text":"milk","length":4} 201"#)
        #expect(try curl(json + ["-d", #"{"text": ""}"#, "/notes"]).hasSuffix(" 422"))
        #expect(try server.get("/openapi.json").text.contains(#""title":"Notes""#))
        #expect(try server.get("/count").text == "0\n1\n2\n")
        try client("websockets", "ws://127.0.0.1:\(server.port)")
    }

    func express() throws {
        #expect(try server.get("/").text == "<h1>Hello from 2</h1>")
        // Whatever the client says of itself.
        let seen = try fetch("/client", port: server.port, headers: ["X-Forwarded-For": "10.1.2.3"])
        #expect(seen.text == #"{"ip":"127.0.0.1","protocol":"http"}"#, "\(seen)")
        let sent = try curl("-H", "Content-Type: application/json", "-d", #"{"text": "milk"}"#, "/notes")
        #expect(sent == #"{"text":"milk","length":4}"#)
        try client("websockets", "ws://127.0.0.1:\(server.port)")
    }

    func go() throws {
        #expect(try server.get("/client").text == "127.0.0.1\n")
    }

    func rust() throws {
        #expect(try server.get("/nothing").status == 404)
    }

    func site() throws {
        let index = try server.get("/")
        #expect(index.status == 200 && index.text.contains("A site of files"))
        #expect(index.headers["content-type"] == "text/html; charset=utf-8")
        #expect(try server.get("/about").text.contains("<h1>About</h1>"))
        let sheet = try server.get("/site.css")
        let tag = try #require(sheet.headers["etag"])
        #expect(sheet.headers["content-type"] == "text/css; charset=utf-8")
        #expect(try fetch("/site.css", port: server.port, headers: ["If-None-Match": tag]).status == 304)
        let nothing = try server.get("/nothing")
        #expect(nothing.status == 404 && nothing.text.contains("Nothing of that name"), "\(nothing)")
        // What lies beside the files is nobody's to read.
        #expect(try server.get("/Passengerfile.yml").status == 404)
        #expect(try curl("-o", "/dev/null", "-w", "%{http_code}", "-d", "text=x", "/") == "405")
        #expect(try server.appStatus().kind == .static)
    }
}
