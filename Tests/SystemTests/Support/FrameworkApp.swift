import Foundation
import Testing

/// An app of a framework, as its users have it: what is done before its first start, its settings, how its second version differs, what
/// breaks its third, and what of the framework must work.
struct FrameworkApp: Sendable, CustomTestStringConvertible {
    /// A file, what is written into it, and what the refusal of that version says.
    struct Breakage: Sendable {
        var file: String
        /// Nil: the file is taken away.
        var contents: String?
        var reason: String
    }

    var name: String
    /// Below Tests/apps.
    var directory: String
    /// What a developer runs in the app's directory before its first start.
    var preparation: [String] = []
    /// What no file of the app's can tell: only that a program is to be run.
    var flags: [String] = []
    var variables: [String: String] = [:]
    /// Settings of the repository.
    var settings: String
    /// What version 2 has beside its number.
    var change: [String: String] = [:]
    var breakage: Breakage
    /// Where the number of the version is.
    var versionFile = "version.txt"
    /// Of version 2, under load.
    var proof: @Sendable (TestServer) throws -> Void

    var testDescription: String { name }

    /// `env` and what this app's server has in its environment.
    var wrapper: [String] { ["env"] + variables.map { "\($0.key)=\($0.value)" } }
}

extension FrameworkApp {
    static let all = [rails, sinatra, rack, django, flask, fastAPI, express, go, rust, site]

    private static let health = "health: {path: /up}\n"

    // MARK: Ruby

    static let rails = FrameworkApp(
        name: "Rails", directory: "rails", preparation: ["bin/rails db:migrate"],
        settings: health + """
            unlimited_concurrency_paths: [/cable]
            max_instances: 1
            deploy:
              shared: [storage]
              build: ['bin/rails assets:precompile']
              before_switch: ['bin/rails db:migrate']
              bake: 1s
            """,
        change: [
            "app/assets/stylesheets/application.css": "h1 { color: teal; }\n",
            "db/migrate/20260101000003_add_starred_to_notes.rb": """
            class AddStarredToNotes < ActiveRecord::Migration[6.1]
              def change
                add_column :notes, :starred, :boolean, null: false, default: false
              end
            end
            """,
        ],
        breakage: Breakage(
            file: "db/migrate/20260101000004_break_it.rb",
            contents: """
                class BreakIt < ActiveRecord::Migration[6.1]
                  def up
                    raise 'the index is missing'
                  end
                end
                """, reason: "the index is missing"),
        proof: { try FrameworkProof($0).rails() })

    static let sinatra = FrameworkApp(
        name: "Sinatra", directory: "frameworks/sinatra",
        settings: health + "deploy: {bake: 1s}\n",
        breakage: Breakage(file: "config.ru", contents: "require 'sinatra/bas'\n", reason: "sinatra/bas"),
        proof: { try FrameworkProof($0).sinatra() })

    static let rack = FrameworkApp(
        name: "plain Rack", directory: "frameworks/rack",
        settings: "health: {path: /up, deadline: 8s}\ndeploy: {bake: 1s}\n",
        breakage: Breakage(
            file: "config.ru", contents: "run ->(_env) { [500, {}, ['out of order']] }\n", reason: "answered 500"),
        proof: { try FrameworkProof($0).rack() })

    // MARK: Python

    static let django = FrameworkApp(
        name: "Django", directory: "django",
        preparation: ["python3 manage.py migrate --verbosity 0"],
        settings: health + """
            envvars: {NOTES_DATABASE: data/notes.sqlite3}
            deploy:
              shared: [data]
              build: ['python3 manage.py collectstatic --no-input']
              before_boot: ['python3 manage.py migrate --verbosity 0']
              bake: 1s
            """,
        breakage: Breakage(file: "notes/views.py", contents: "import no_such_module\n", reason: "no_such_module"),
        proof: { try FrameworkProof($0).django() })

    static let flask = FrameworkApp(
        name: "Flask", directory: "frameworks/flask",
        settings: health + "deploy: {bake: 1s}\n",
        breakage: Breakage(file: "passenger_wsgi.py", contents: "def broken(\n", reason: "SyntaxError"),
        proof: { try FrameworkProof($0).flask() })

    /// Its packages are PyPI's: a virtual environment that is there stands for the one that a build would make.
    static let fastAPI = FrameworkApp(
        name: "FastAPI", directory: "frameworks/fastapi", preparation: ["ln -s \(environment) .venv"],
        settings: health + "deploy: {build: ['ln -s \(environment) .venv'], bake: 1s}\n",
        breakage: Breakage(file: "asgi.py", contents: "import fastapy\n", reason: "fastapy"),
        proof: { try FrameworkProof($0).fastAPI() })

    private static let environment = "\(SourceTree.path)/.build/asgi-venv"

    // MARK: Node.js

    /// Debian's packages, where only Debian's own Node.js looks for them by itself.
    static let express = FrameworkApp(
        name: "Express", directory: "frameworks/express", variables: ["NODE_PATH": "/usr/share/nodejs"],
        settings: health + "deploy: {bake: 1s}\n",
        breakage: Breakage(file: "app.js", contents: "require('expresso');\n", reason: "expresso"),
        proof: { try FrameworkProof($0).express() })

    // MARK: Others

    private static let goBuild = "GOCACHE=$PWD/cache go build -o server ."

    static let go = FrameworkApp(
        name: "Go", directory: "frameworks/go", preparation: [goBuild], flags: ["--app-start-command", "./server"],
        settings: health + """
            app_start_command: ./server
            deploy:
              shared: [cache]
              build: ['\(goBuild)']
              bake: 1s
            """,
        breakage: Breakage(
            file: "main.go", contents: "package main\n\nfunc main() { serve() }\n", reason: "undefined: serve"),
        proof: { try FrameworkProof($0).go() })

    private static let rustBuild = "rustc -O -o server main.rs"

    static let rust = FrameworkApp(
        name: "Rust", directory: "frameworks/rust", preparation: [rustBuild],
        flags: ["--app-start-command", "./server"],
        settings: health + """
            app_start_command: ./server
            deploy:
              build: ['\(rustBuild)']
              bake: 1s
            """,
        breakage: Breakage(
            file: "main.rs", contents: "fn main() { serve() }\n", reason: "cannot find function `serve`"),
        proof: { try FrameworkProof($0).rust() })

    /// A release without its index is no site.
    static let site = FrameworkApp(
        name: "a site of files", directory: "frameworks/site",
        settings: "deploy: {bake: 1s}\n",
        breakage: Breakage(file: "public/index.html", reason: "public/index.html"), versionFile: "public/version",
        proof: { try FrameworkProof($0).site() })
}
