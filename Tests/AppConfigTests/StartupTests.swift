import Model
import Testing

@testable import AppConfig

@Suite("How an app is found and started")
struct StartupTests {
    private func startup(_ files: [String], _ configure: (inout Draft) -> Void = { _ in }) throws -> Startup {
        let tree = try TemporaryTree()
        for file in files { try tree.write(file, file == "package.json" ? "{\"scripts\": {\"start\": \"x\"}}" : "") }
        var draft = Draft()
        configure(&draft)
        return try Startup.find(in: tree.path, draft, lookedIn: [])
    }

    @Test(
        "Files suggest the kind, in this order",
        arguments: [
            (["config.ru", "passenger_wsgi.py", "app.js", "package.json"], .rack, "config.ru"),
            (["passenger_wsgi.py", "asgi.py", "app.js"], .wsgi, "passenger_wsgi.py"),
            (["asgi.py", "passenger_asgi.py", "app.js"], .asgi, "passenger_asgi.py"),
            (["asgi.py", "app.js"], .asgi, "asgi.py"), (["app.js", "server.js", "package.json"], .node, "app.js"),
            (["server.js"], .node, "server.js"),
        ] as [([String], AppKind, String)])
    func files(files: [String], kind: AppKind, file: String) throws {
        #expect(try startup(files) == Startup(kind: kind, file: file))
    }

    @Test("An index.html among the static files is a site without code, where nothing else is")
    func site() throws {
        #expect(try startup(["public/index.html"]) == Startup(kind: .static))
        #expect(try startup(["public/index.html", "app.js"]).kind == .node)
        let built: (inout Draft) -> Void = { $0.app.http.files.staticFilesDirectory = "dist" }
        #expect(try startup(["dist/index.html"], built) == Startup(kind: .static))
        #expect(throws: ConfigError.self) { try startup(["public/index.html"], built) }
        // Before it is built.
        #expect(try startup([]) { $0.kind = .static } == Startup(kind: .static))
    }

    @Test("An index.html beside everything else is not served, and the error says where it belongs")
    func bareIndex() throws {
        let error = try #require(throws: ConfigError.self) { try startup(["index.html"]) }
        #expect("\(error)".contains("public/index.html (a site without code)"))
        #expect("\(error)".contains("static_files_dir"))
    }

    @Test("A start script in package.json is run")
    func npm() throws {
        #expect(try startup(["package.json"]) == Startup(kind: .generic, file: nil, command: "npm start"))
    }

    @Test(
        "A start script that only runs a file with node is run without npm",
        arguments: [
            ("node index.js", "index.js"), ("node ./bin/www", "./bin/www"), ("node index", "index.js"),
            ("node gone.js", nil), ("node --inspect index.js", nil), ("node index.js && true", nil),
            ("PORT=1 node index.js", nil), ("node $FILE", nil),
        ] as [(String, String?)])
    func nodeScript(script: String, file: String?) throws {
        let tree = try TemporaryTree(["index.js": "", "bin/www": "", "$FILE": ""])
        try tree.write("package.json", #"{"scripts": {"start": "\#(script)"}}"#)
        let expected =
            file.map { Startup(kind: .node, file: $0) } ?? Startup(kind: .generic, file: nil, command: "npm start")
        #expect(try Startup.find(in: tree.path, Draft(), lookedIn: []) == expected)
        try tree.write("package.json", #"{"scripts": {"start": "\#(script)", "prestart": "make"}}"#)
        #expect(try Startup.find(in: tree.path, Draft(), lookedIn: []).kind == .generic)
    }

    @Test("app_start_command goes before all files")
    func command() throws {
        let found = try startup(["config.ru", "asgi.py"]) { $0.startCommand = "./serve" }
        #expect(found == Startup(kind: .generic, file: nil, command: "./serve"))
    }

    @Test("A configured type or file goes before what the files suggest")
    func configured() throws {
        #expect(try startup(["config.ru", "server.js"]) { $0.kind = .node } == Startup(kind: .node, file: "server.js"))
        #expect(
            try startup(["config.ru", "web.mjs"]) { $0.startupFile = "web.mjs" }
                == Startup(kind: .node, file: "web.mjs"))
        #expect(
            try startup(["x.txt"]) {
                $0.startupFile = "x.txt"
                $0.kind = .wsgi
            } == Startup(kind: .wsgi, file: "x.txt"))
    }

    @Test(
        "What cannot be started is refused with what was looked for",
        arguments: [
            (
                [], nil, nil,
                "passenger_wsgi.py, passenger_asgi.py and asgi.py (Python), app.js, server.js and package.json with a \"start\" script (Node.js)"
            ),
            ([], .asgi, nil, "looked for passenger_asgi.py, asgi.py (asgi)"),
            ([], nil, "web/asgi.py", "looked for web/asgi.py (asgi)"),
            ([], .rack, nil, "looked for config.ru (rack)"), ([], .node, nil, "looked for app.js, server.js (node)"),
            (["config.ru"], .generic, nil, "an app of type generic needs 'app_start_command'"),
            ([], nil, "web.rb", "what starts 'web.rb' cannot be told from its name"),
            ([], nil, "web.py", "looked for web.py (wsgi)"),
        ] as [([String], AppKind?, String?, String)])
    func refused(files: [String], kind: AppKind?, file: String?, expected: String) {
        let found = problems {
            try startup(files) {
                $0.kind = kind
                $0.startupFile = file
            }
        }
        #expect(found.first?.message.contains(expected) == true, "\(found)")
        #expect(found.first?.hint != nil)
    }

    @Test("The error for a directory without an app names every Passengerfile that could have told")
    func lookedIn() throws {
        let tree = try TemporaryTree(["root/releases/1-a/README": ""])
        let request = InspectRequest(directory: tree["root/releases/1-a"], root: tree["root"], workingDirectory: "/")
        let message = try #require(problems { try ConfigLoader().loadApp(request) }.first?.message)
        #expect(message.contains(tree["root/releases/1-a/Passengerfile.yml"]))
        #expect(message.contains(tree["root/Passengerfile.json"]))
        #expect(message.contains("config.ru (Ruby)"))
    }

    @Test(
        "A package.json that is malformed or has no start script suggests nothing",
        arguments: ["", "{", "[]", "{\"scripts\":{}}"])
    func noScript(text: String) throws {
        let tree = try TemporaryTree(["package.json": text])
        #expect(problems { try load(tree) }.count == 1)
    }

    @Test("subdir moves the app, not its Passengerfile")
    func subdirectory() throws {
        let tree = try TemporaryTree(["Passengerfile.yml": "subdir: web", "web/config.ru": ""])
        let loaded = try load(tree)
        #expect(loaded.app.directory == tree["web"])
        #expect(loaded.app.kind == .rack)
    }

    @Test("Interpreters are found on PATH; a virtual environment goes first")
    func interpreters() throws {
        let tree = try TemporaryTree()
        for name in ["bin/ruby", "bin/python3", "bin/nodejs"] { try tree.makeExecutable(name) }
        try tree.write("bin/node", "not executable")
        var interpreters = Interpreters(searchPath: "relative:/nowhere:\(tree["bin"])", directory: tree.path)
        #expect(interpreters.ruby(nil) == tree["bin/ruby"])
        #expect(interpreters.python(nil) == tree["bin/python3"])
        #expect(interpreters.nodejs(nil) == tree["bin/nodejs"])
        #expect(interpreters.ruby("ruby9") == "ruby9")
        #expect(interpreters.ruby("/opt/ruby") == "/opt/ruby")
        try tree.makeExecutable(".venv/bin/python")
        #expect(interpreters.python(nil) == tree[".venv/bin/python"])
        #expect(interpreters.python("python3") == tree["bin/python3"])
        interpreters.searchPath = nil
        #expect(interpreters.ruby(nil) == "ruby")
    }

    @Test(
        "A version that the app's files ask for is looked for where version managers install",
        arguments: [
            (".ruby-version", "3.2.2\n", ".rbenv/versions/3.2.2/bin/ruby"),
            (".ruby-version", "ruby-3.2.2", ".rubies/ruby-3.2.2/bin/ruby"),
            (".ruby-version", "3.2.2 # as in production\r\n", ".rvm/rubies/ruby-3.2.2/bin/ruby"),
            (".tool-versions", "nodejs 20.1.0\nruby\t3.2.2 3.1.0\n", ".asdf/installs/ruby/3.2.2/bin/ruby"),
            (".ruby-version", "3.2", ".local/share/mise/installs/ruby/3.2.10/bin/ruby"),
            (".python-version", "3.11.4\n3.10.1\n", ".pyenv/versions/3.11.4/bin/python"),
            (".nvmrc", "v20.11.1", ".nvm/versions/node/v20.11.1/bin/node"),
            (".nvmrc", "20", ".nvm/versions/node/v20.11.1/bin/node"),
            (".node-version", "20.11.1", ".local/share/fnm/node-versions/v20.11.1/installation/bin/node"),
            (".tool-versions", "node 20.11.1\n", ".nodenv/versions/20.11.1/bin/node"),
        ])
    func versions(_ file: String, _ text: String, _ program: String) throws {
        let tree = try TemporaryTree([file: text])
        try tree.makeExecutable("home/\(program)")
        // Older, or another version that begins alike.
        try tree.makeExecutable("home/.local/share/mise/installs/ruby/3.2.9/bin/ruby")
        try tree.makeExecutable("home/.local/share/mise/installs/ruby/3.20.0/bin/ruby")
        try tree.makeExecutable("home/.nvm/versions/node/v20.9.0/bin/node")
        let interpreters = Interpreters(searchPath: nil, directory: tree.path, home: tree["home"])
        let found = [interpreters.ruby(nil), interpreters.python(nil), interpreters.nodejs(nil)]
        #expect(found.contains(tree["home/\(program)"]), "\(found)")
        #expect(interpreters.ruby("ruby") == "ruby" && interpreters.nodejs("/opt/node") == "/opt/node")
    }

    @Test(
        "What names no version, or one that is not installed, leaves the choice to PATH",
        arguments: ["", "#3.2.2", "system", "lts/*", "../../etc/passwd", "3.9.9", ".", "-", "3.2.2/../x"])
    func noVersion(_ text: String) throws {
        let tree = try TemporaryTree([".ruby-version": text])
        try tree.makeExecutable("home/.rbenv/versions/3.2.2/bin/ruby")
        try tree.makeExecutable("bin/ruby")
        let interpreters = Interpreters(searchPath: tree["bin"], directory: tree.path, home: tree["home"])
        #expect(interpreters.ruby(nil) == tree["bin/ruby"])
    }

    @Test("A virtual environment goes before a version file, and a version that is not there is a warning")
    func missingVersion() throws {
        let tree = try TemporaryTree([".python-version": "3.99.1", "passenger_wsgi.py": ""])
        let warnings = try load(tree).warnings.map(\.message).filter { $0.contains("3.99.1") }
        #expect(warnings.count == 1 && warnings[0].hasPrefix(".python-version asks for version 3.99.1"), "\(warnings)")
        try tree.makeExecutable(".venv/bin/python")
        #expect(try load(tree).warnings.isEmpty)
    }

    @Test("An interpreter that is not there is a warning")
    func missingInterpreter() throws {
        let warnings = try load("", environment: ["PATH": "/nowhere"]).warnings
        #expect(warnings.map(\.message) == ["'ruby' is not on PATH"])
    }

    @Test("Threads are what two keys say together; where they would do nothing, that is a warning")
    func threads() throws {
        let loaded = try load("concurrency_model: thread\nthread_count: 4")
        #expect(loaded.app.pool.requestThreads == 4 && loaded.warnings.isEmpty)
        let alone = try load("thread_count: 4")
        #expect(alone.app.pool.requestThreads == 1 && alone.warnings.map(\.key) == ["thread_count"])
        let node = try load(TemporaryTree(["app.js": "", "Passengerfile.yml": "concurrency_model: thread"]))
        #expect(node.warnings.map(\.key) == ["concurrency_model"])
    }
}

@Suite("Locations")
struct LocationTests {
    @Test("A marked directory is a deploy root; its releases and current lead to it")
    func deployRoot() throws {
        let tree = try TemporaryTree(["releases/1-a/config.ru": ""])
        try tree.makeDirectory(".passenger")
        try tree.link("current", to: "releases/1-a")
        for name in ["", "releases/1-a", "current", "releases/../current/"] {
            #expect(AppLocation.detect(tree[name]) == .deployRoot(tree.path), "\(name)")
        }
        try tree.link("elsewhere", to: "releases/1-a")
        #expect(AppLocation.detect(tree["elsewhere"]) == .deployRoot(tree.path))
    }

    @Test("Releases of another tool are served through their current link")
    func capistrano() throws {
        let tree = try TemporaryTree(["releases/2026/config.ru": ""])
        try tree.link("current", to: "releases/2026")
        #expect(AppLocation.detect(tree["releases/2026"]) == .inPlace(tree["current"]))
        #expect(AppLocation.detect(tree["current"]) == .inPlace(tree["current"]))
        #expect(AppLocation.detect(tree.path) == .inPlace(tree.path))
        #expect(AppLocation.detect(entry: tree.path) == .inPlace(tree["current"]))
        #expect(AppLocation.root(of: tree.path) == tree.path && AppLocation.root(of: tree["current"]) == tree.path)
        // Also when the release is gone, and not when `current` has never led to one.
        try tree.makeDirectory("broken/releases")
        try tree.link("broken/current", to: "releases/2025")
        #expect(AppLocation.detect(entry: tree["broken"]) == .inPlace(tree["broken/current"]))
        try tree.makeDirectory("other/releases")
        try tree.link("other/current", to: "somewhere")
        #expect(AppLocation.detect(entry: tree["other"]) == .inPlace(tree["other"]))
    }

    @Test("Any other directory is served in place, by the path it was given")
    func inPlace() throws {
        let tree = try TemporaryTree(["app/config.ru": "", "releases/1/config.ru": ""])
        try tree.link("link", to: "app")
        #expect(AppLocation.detect(tree["link"]) == .inPlace(tree["link"]))
        #expect(AppLocation.detect(tree["releases/1"]) == .inPlace(tree["releases/1"]))
    }
}
