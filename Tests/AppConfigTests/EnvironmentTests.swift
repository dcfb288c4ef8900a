import Foundation
import Model
import Testing

@testable import AppConfig

@Suite("The environment of apps")
struct EnvironmentTests {
    private func make(
        _ inherited: [String: String], file: [String: String] = [:], user: AppEnvironment.User? = nil,
        _ configure: (inout AppSettings) -> Void = { _ in }
    ) throws -> [String: String] {
        var settings = AppSettings(name: try #require(AppName("blog")), directory: "/srv/blog", kind: .rack)
        configure(&settings)
        let strings = AppEnvironment.make(inherited: inherited, settings: settings, fileVariables: file, user: user)
        return Dictionary(
            uniqueKeysWithValues: strings.map { text in
                let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return (String(parts[0]), String(parts[1]))
            })
    }

    private let standard = [
        "RAILS_ENV": "production", "RACK_ENV": "production", "NODE_ENV": "production",
        "PASSENGER_APP_ENV": "production",
        "IN_PASSENGER": "1",
    ]

    @Test("Our own variables are kept from apps, theirs are not")
    func scrub() throws {
        let environment = try make([
            "PASSENGER_PORT": "1", "PASSENGER_HEALTH_PATH": "/", "PASSENGER_SSL": "x", "_PASSENGER_WORKER": "{}",
            "PASSENGER_SOMEBODY_ELSES": "1", "PATH": "/bin",
        ])
        #expect(environment == standard.merging(["PASSENGER_SOMEBODY_ELSES": "1", "PATH": "/bin"]) { $1 })
    }

    @Test("The env file goes over envvars, envvars over the environment's names, those over what was inherited")
    func order() throws {
        let environment = try make(["A": "1", "B": "1", "C": "1", "RAILS_ENV": "x"], file: ["C": "3"]) {
            $0.environment = "staging"
            $0.variables = ["B": "2", "C": "2", "NODE_ENV": "production"]
        }
        #expect(environment["A"] == "1" && environment["B"] == "2" && environment["C"] == "3")
        #expect(environment["RAILS_ENV"] == "staging" && environment["NODE_ENV"] == "production")
    }

    @Test("The target user's own HOME and name are set")
    func user() throws {
        let user = AppEnvironment.User(name: "blog", home: "/home/blog", shell: "/bin/sh")
        let environment = try make(["HOME": "/root", "USER": "root"], user: user)
        #expect(environment["HOME"] == "/home/blog" && environment["USER"] == "blog")
        #expect(environment["LOGNAME"] == "blog" && environment["SHELL"] == "/bin/sh")
    }

    @Test("What bundle exec replaced is put back, what it added is dropped")
    func bundleExec() throws {
        let environment = try make([
            "BUNDLE_BIN_PATH": "/x", "BUNDLE_GEMFILE": "/other/Gemfile", "BUNDLER_VERSION": "2.5",
            "RUBYOPT": "-rbundler/setup",
            "RUBYLIB": "/x", "GEM_HOME": "/x", "PATH": "/x:/bin", "MANPATH": "/man", "BUNDLE_WITHOUT": "test",
            "BUNDLER_ORIG_PATH": "/bin", "BUNDLER_ORIG_GEM_HOME": "/gems",
            "BUNDLER_ORIG_RUBYOPT": "BUNDLER_ENVIRONMENT_PRESERVER_INTENTIONALLY_NIL",
        ])
        let expected = ["PATH": "/bin", "GEM_HOME": "/gems", "MANPATH": "/man", "BUNDLE_WITHOUT": "test"]
        #expect(environment == standard.merging(expected) { $1 })
    }

    @Test("Without a bundle exec, what somebody set on purpose stays")
    func noLeak() throws {
        let set = ["GEM_HOME": "/usr/local/bundle", "BUNDLE_PATH": "/gems", "RUBYOPT": "-W0"]
        #expect(try make(set) == standard.merging(set) { $1 })
    }

    @Test("Env files are KEY=value lines")
    func envFile() throws {
        let text = """
            # comment
            A=1
            export B = two words   # comment
              C='single # \\n $x'   # comment
            D="line\\nbreak \\"q\\" \\$x \\\\ \\z"
            E=
            F=a#b
            G="over
            lines"
            URL=postgres://u:p=w@h/d\r
            A=2
            """
        let place = ConfigPlace(source: .releaseFile("/srv/.env"))
        #expect(
            try DotEnv.parse(text, at: place) == [
                "A": "2", "B": "two words", "C": "single # \\n $x", "D": "line\nbreak \"q\" $x \\ \\z", "E": "",
                "F": "a#b",
                "G": "over\nlines", "URL": "postgres://u:p=w@h/d",
            ])
        #expect(try DotEnv.parse("", at: place).isEmpty)
        #expect(try DotEnv.parse("\n\n#x", at: place).isEmpty)
    }

    @Test(
        "A line that is none is refused, with its number",
        arguments: [
            ("A=1\nB", "/srv/.env:2:1: no '=' after 'B'. Lines are KEY=value."),
            ("A=1\n\n9B=1", "/srv/.env:3:1: '9B' is not a variable name. Lines are KEY=value."),
            ("A B=1", "/srv/.env:1:1: no '=' after 'A'. Lines are KEY=value."),
            ("=1", "/srv/.env:1:1: '' is not a variable name. Lines are KEY=value."),
            ("A=1\nB=\"x\nC=2\n", "/srv/.env:2:1: the closing \" is missing. Lines are KEY=value."),
            ("A='x' y", "/srv/.env:1:1: text after the closing quote. Lines are KEY=value."),
            ("A=\u{0}", "/srv/.env:1:1: the value of 'A' contains a NUL character. Lines are KEY=value."),
        ])
    func badEnvFile(text: String, expected: String) {
        let place = ConfigPlace(source: .releaseFile("/srv/.env"))
        #expect(problems { try DotEnv.parse(text, at: place) }.map(\.description) == [expected])
    }

    @Test("Mutated env files are read or refused, but never end the process")
    func mutations() {
        let alphabet = Array("A=1 \n\r\t'\"\\#$export\u{0}é".unicodeScalars)
        let number = UInt64.random(in: 0 ... .max)
        print("seed \(number)")
        var random = SplitMix(state: number)
        for _ in 0..<20_000 {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...12, using: &random) {
                text.append(alphabet.randomElement(using: &random)!)  // never empty
            }
            _ = try? DotEnv.parse(String(text), at: .standard)  // both outcomes are fine
        }
    }
}

@Suite("Users")
struct UserChoiceTests {
    private func resolve(
        _ location: AppLocation, owner: UInt32, root: Bool = true, user: String? = nil, deployUser: String? = nil
    ) throws(UserChoice.Refusal) -> UserChoice {
        var settings = UserSettings()
        settings.user = user
        settings.deployUser = deployUser
        return try UserChoice.resolve(location: location, rootOwner: owner, settings: settings, startedAsRoot: root)
    }

    @Test("Without root nobody is switched, and asking for it is a warning")
    func unprivileged() throws {
        let plain = try resolve(.inPlace("/a"), owner: 7, root: false)
        #expect(plain == UserChoice(workers: .invoking, group: nil, deploys: .invoking, warnings: []))
        let asked = try resolve(.deployRoot("/a"), owner: 0, root: false, user: "blog")
        #expect(asked.workers == .invoking)
        #expect(asked.warnings == ["'user' ignored: only a server started by root can switch users"])
    }

    @Test("In place, the directory's owner runs the app; root only with a warning")
    func inPlace() throws {
        #expect(try resolve(.inPlace("/a"), owner: 7).workers == .owner(uid: 7))
        let root = try resolve(.inPlace("/a"), owner: 0)
        #expect(root.workers == .invoking && root.warnings.count == 1)
        let named = try resolve(.inPlace("/a"), owner: 0, user: "blog")
        #expect(named.workers == .named("blog") && named.deploys == .named("blog") && named.warnings.isEmpty)
    }

    @Test("Nobody gets the rights of a directory's owner by putting another one in its place")
    func pathTrust() {
        func place(_ path: String, owner: UInt32 = 0, group: UInt32 = 0, _ mode: UInt32 = 0o755) -> PathTrust.Place {
            PathTrust.Place(path: path, owner: owner, group: group, mode: mode)
        }
        func objection(_ ancestors: PathTrust.Place..., target: PathTrust.Place, user: UInt32) -> String? {
            PathTrust.objection(ancestors: [place("/")] + ancestors, target: target, user: user)
        }
        #expect(PathTrust.ancestors(of: "/srv//blog/current/") == ["/", "/srv", "/srv/blog"])
        #expect(objection(place("/srv"), target: place("/srv/a"), user: 0) == nil)
        #expect(objection(place("/home/eve", owner: 7), target: place("/home/eve/a", owner: 7, 0o777), user: 7) == nil)
        #expect(
            objection(place("/home/eve", owner: 7), target: place("/home/eve/a", owner: 8), user: 8)
                == "/home/eve belongs to uid 7", "she renames it and links to another of his")
        #expect(objection(place("/home/eve", owner: 7), target: place("/home/eve/a"), user: 0) != nil)
        #expect(objection(place("/tmp", 0o1777), target: place("/tmp/a", owner: 7), user: 7) == nil)
        #expect(objection(place("/tmp", 0o777), target: place("/tmp/a", owner: 7), user: 7) != nil)
        #expect(objection(target: place("/tmp", 0o1777), user: 0) == "others may write to /tmp")
        #expect(objection(place("/srv", group: 50, 0o775), target: place("/srv/a", owner: 7), user: 7) == nil)
        #expect(objection(place("/srv", group: 50, 0o775), target: place("/srv/a"), user: 0) != nil)
        #expect(objection(place("/srv", 0o775), target: place("/srv/a", 0o775), user: 0) == nil, "root's group is root")
        #expect(objection(place("/srv"), target: place("/srv/a", owner: 7), user: 0) == "/srv/a belongs to uid 7")
    }

    @Test("A deploy root's owner deploys, and runs the app unless another user is named")
    func deployRoot() throws {
        let owned = try resolve(.deployRoot("/a"), owner: 7)
        #expect(owned.workers == .owner(uid: 7) && owned.deploys == .owner(uid: 7) && owned.warnings.isEmpty)
        let two = try resolve(.deployRoot("/a"), owner: 7, user: "web")
        #expect(two.workers == .named("web") && two.deploys == .owner(uid: 7))
        let deployer = try resolve(.deployRoot("/a"), owner: 7, deployUser: "ci")
        #expect(deployer.workers == .named("ci") && deployer.deploys == .named("ci"))
    }

    @Test("A deploy root of root's without a user is refused")
    func refused() throws {
        #expect(throws: UserChoice.Refusal.self) { try resolve(.deployRoot("/a"), owner: 0) }
        let named = try resolve(.deployRoot("/a"), owner: 0, user: "web")
        #expect(named.deploys == .invoking && named.warnings.count == 1)
    }
}
