import Glibc
import Linux
import Model
import Synchronization
import Testing

@testable import StaticFiles

@Suite("Which file a path is")
struct LookupTests {
    private let tree: TemporaryTree
    private let site: TestSite

    init() throws {
        tree = try TemporaryTree()
        try tree.file("app/public/index.html", "home")
        try tree.file("app/public/robots.txt", "robots")
        try tree.file("app/public/a b+ü%.txt", "odd")
        try tree.file("app/public/about.html", "about page")
        try tree.file("app/public/docs/index.html", "docs index")
        try tree.file("app/public/both.html", "both page")
        try tree.file("app/public/both/index.html", "both index")
        try tree.file("app/public/posts/1.html", "post")
        try tree.directory("app/public/empty")
        try tree.file("app/public/.env", "secret")
        try tree.file("app/public/.git/config", "secret")
        try tree.file("app/public/x/.hidden/y", "secret")
        try tree.file("app/public/.well-known/security.txt", "contact")
        try tree.file("app/public/.well-known/.secret", "secret")
        try tree.file("app/public/x/.well-known/y", "secret")
        try tree.file("app/config/secrets.yml", "secret")
        try tree.file("app/public/back\\slash", "odd")
        site = TestSite(tree)
    }

    @Test(
        "the page cache's rules, dotfiles and every spelling of a path",
        arguments: [
            ("/", "home"), ("", "home"), ("/index.html", "home"), ("/index", "home"),
            ("/robots.txt", "robots"), ("/robots%2Etxt", "robots"), ("/%72obots.txt", "robots"), ("/robots.txt/", nil),
            ("/a%20b+%C3%BC%25.txt", "odd"), ("/a%20b%2B%c3%bc%25.txt", "odd"), ("/a%20b+%C3%BC%2525.txt", nil),
            ("/about", "about page"), ("/about/", "about page"), ("/about.html", "about page"),
            ("/docs", "docs index"), ("/docs/", "docs index"), ("/docs/index", "docs index"),
            ("/both", "both page"), ("/both/", "both index"), ("/posts/1", "post"), ("/posts", nil),
            ("/empty", nil), ("/empty/", nil), ("/nothing", nil), ("/nothing/below", nil), ("/robots.txt/below", nil),
            ("/.env", nil), ("/%2eenv", nil), ("/.git/config", nil), ("/x/.hidden/y", nil), ("/x/.well-known/y", nil),
            ("/.well-known/security.txt", "contact"), ("/%2Ewell-known/security.txt", "contact"),
            ("/.well-known/.secret", nil), ("/.well-known/../.env", nil), ("/.well-known", nil),
            ("/../config/secrets.yml", nil), ("/..%2fconfig/secrets.yml", nil), ("/%2e%2e/config/secrets.yml", nil),
            ("/%2e%2e%2fconfig%2fsecrets.yml", nil), ("/x/../../config/secrets.yml", nil), ("/..", nil), ("/.", nil),
            ("/%252e%252e/config/secrets.yml", nil), ("/..%5cconfig%5csecrets.yml", nil), ("/..\\config", nil),
            ("/.%2e/config/secrets.yml", nil), ("/..;/config/secrets.yml", nil), ("/docs/./index.html", nil),
            ("/%c0%ae%c0%ae/config/secrets.yml", nil), ("/%c0%afrobots.txt", nil), ("/%ff", nil),
            ("//robots.txt", nil), ("/docs//index.html", nil), ("/docs%2findex.html", nil), ("/robots.txt%00", nil),
            ("/robots.txt%00.html", nil), ("/robots.txt%", nil), ("/robots.txt%2", nil), ("/robots.tx%zz", nil),
            ("/back\\slash", nil), ("/back%5Cslash", nil), ("robots.txt", nil), ("*", nil), ("/robots.txt%0a", nil),
            ("/%2fetc/passwd", nil), ("//etc/passwd", nil), ("/" + String(repeating: "a", count: 300), nil),
            ("/" + String(repeating: "a/", count: 1500), nil),
        ] as [(String, String?)])
    func paths(path: String, expected: String?) throws {
        #expect(try site.text(path) == expected)
        // From the cache, and after its second look.
        #expect(try site.text(path) == expected)
        site.wait()
        #expect(try site.text(path) == expected)
    }

    @Test("a FIFO, a device or a socket is never opened, and never blocks")
    func notFiles() throws {
        try #require(mkfifo(tree.path + "/app/public/fifo", 0o644) == 0)
        try tree.link("app/public/null", to: "/dev/null")
        try tree.link("app/public/zero.html", to: "/dev/zero")
        #expect(try site.text("/fifo") == nil)
        #expect(try site.text("/null") == nil)
        #expect(try site.text("/zero") == nil)
        // Nobody has the FIFO open for reading.
        #expect(open(tree.path + "/app/public/fifo", O_WRONLY | O_NONBLOCK) == -1)
    }

    @Test("what the file system refuses to read is the app's, unless root looks")
    func unreadable() throws {
        let path = try tree.file("app/public/locked.txt")
        try #require(chmod(path, 0) == 0)
        if geteuid() == 0 { return }
        #expect(try site.text("/locked.txt") == nil)
    }

    @Test("without a directory there are no files, and none is looked for before a second has passed")
    func noDirectory() throws {
        let other = TestSite(tree, releases: ["nowhere"])
        #expect(try other.text("/robots.txt") == nil)
        #expect(other.cache.absenceCount == 0, "no entry is needed to know it")
        try tree.file("nowhere/public/robots.txt", "late")
        #expect(try other.text("/robots.txt") == nil)
        other.wait()
        #expect(try other.text("/robots.txt") == "late")
    }

    @Test("no static directory, no files")
    func switchedOff() throws {
        var settings = FileSettings()
        settings.staticFilesDirectory = nil
        #expect(try TestSite(tree, settings).text("/robots.txt") == nil)
    }

    @Test("static_paths stand before static_files_dir, the longest first, and hidden directories can be named by them")
    func mounts() throws {
        try tree.file("app/.next/static/chunks/main.js", "chunk")
        try tree.file("app/media/a.txt", "media")
        try tree.file("app/inner/a.txt", "inner")
        try tree.file("app/public/media/b.txt", "public media")
        var settings = FileSettings()
        settings.staticPaths = ["/_next/static": ".next/static", "/media/": "media", "media/inner": "inner"]
        let site = TestSite(tree, settings)
        #expect(try site.text("/_next/static/chunks/main.js") == "chunk")
        #expect(try site.text("/media/a.txt") == "media")
        #expect(try site.text("/media/inner/a.txt") == "inner")
        #expect(try site.text("/media/b.txt") == "public media")
        #expect(try site.text("/mediaa.txt") == nil)
        #expect(try site.text("/media/../config/secrets.yml") == nil)
        #expect(site.file("/_next/static/chunks/main.js")?.plain.isImmutable == true)
    }

    @Test("a static directory outside of the app needs static_roots")
    func outsideDirectory() throws {
        try tree.file("elsewhere/a.txt", "elsewhere")
        var settings = FileSettings()
        settings.staticFilesDirectory = "../elsewhere"
        #expect(try TestSite(tree, settings).text("/a.txt") == nil)
        settings.staticFilesDirectory = tree.path + "/elsewhere"
        #expect(try TestSite(tree, settings).text("/a.txt") == nil)
        settings.staticRoots = [tree.path + "/elsewhere"]
        #expect(try TestSite(tree, settings).text("/a.txt") == "elsewhere")
    }

    @Test("a fingerprinted name is looked up in every release in order, another one in the live one only")
    func overlap() throws {
        let name = "assets/app-0a1b2c3d4e5f60718293a4b5c6d7e8f9.js"
        let old = "assets/old-0a1b2c3d4e5f60718293a4b5c6d7e8f9.js"
        try tree.file("r3/public/\(name)", "3")
        try tree.file("r2/public/\(name)", "2")
        try tree.file("r2/public/\(old)", "2")
        try tree.file("r1/public/\(old)", "1")
        try tree.file("r1/public/plain.js", "1")
        try tree.file("r1/public/index.html", "1")
        let site = TestSite(tree, releases: ["r3", "r2", "r1"])
        #expect(try site.text("/" + name) == "3")
        #expect(try site.text("/" + old) == "2")
        #expect(try site.text("/plain.js") == nil)
        #expect(try site.text("/") == nil)
        #expect(site.find("/plain.js").name == "none")
        #expect(site.find("/assets/gone-0a1b2c3d4e5f60718293a4b5c6d7e8f9.js").name == "missing fingerprinted")
        #expect(site.find("/other/gone-0a1b2c3d4e5f60718293a4b5c6d7e8f9.js").name == "missing fingerprinted")
        #expect(site.find("/users/1").name == "none")
        try tree.remove("r3/public/\(name)")
        site.wait()
        #expect(try site.text("/" + name) == "2")
    }
}

@Suite("Where links may lead")
struct LinkTests {
    private let tree: TemporaryTree

    init() throws {
        tree = try TemporaryTree()
        try tree.file("app/dist/a.txt", "release")
        try tree.file("app/.secret/a.txt", "secret")
        try tree.file("app/.env", "secret")
        try tree.file("shared/uploads/a.txt", "shared")
        try tree.file("shared/.env", "secret")
        try tree.file("roots/one/a.txt", "root")
        try tree.file("outside/a.txt", "outside")
        try tree.file("app-evil/a.txt", "sibling whose name begins alike")
        try tree.directory("app/public")
    }

    @Test(
        "into the release, shared/ and static_roots, nowhere else, and to no dotfile",
        arguments: [
            ("../dist/a.txt", "release"), ("../../app/dist/a.txt", "release"), ("../../shared/uploads/a.txt", "shared"),
            ("../../roots/one/a.txt", "root"), ("../../outside/a.txt", nil), ("../../app-evil/a.txt", nil),
            ("../.env", nil), ("../.secret/a.txt", nil), ("../../shared/.env", nil), ("/etc/passwd", nil),
            ("/proc/self/environ", nil), ("/proc/self/root/etc/passwd", nil), ("../../../../../../etc/passwd", nil),
            ("file.txt", nil), ("nothing", nil),
        ] as [(String, String?)])
    func fileLinks(target: String, expected: String?) throws {
        var settings = FileSettings()
        settings.staticRoots = [tree.path + "/roots"]
        try tree.link("app/public/file.txt", to: target)
        #expect(try TestSite(tree, settings).text("/file.txt") == expected)
        if target.hasSuffix("/a.txt") {
            try tree.link("app/public/absolute.txt", to: tree.path + "/app/public/" + target)
            try tree.link("app/public/directory", to: String(target.dropLast(6)))
            #expect(try TestSite(tree, settings).text("/absolute.txt") == expected)
            #expect(try TestSite(tree, settings).text("/directory/a.txt") == expected)
        }
    }

    @Test("chains of links are judged by their end")
    func chains() throws {
        try tree.link("app/public/one", to: "two")
        try tree.link("app/public/two", to: "../../shared/uploads")
        try tree.link("shared/uploads/out", to: "../../outside")
        #expect(try TestSite(tree).text("/one/a.txt") == "shared")
        #expect(try TestSite(tree).text("/one/out/a.txt") == nil)
    }

    @Test("the static directory itself may be a link, by the same rules")
    func linkedDirectory() throws {
        try #require(rmdir(tree.path + "/app/public") == 0)
        try tree.link("app/public", to: "../shared/uploads")
        let site = TestSite(tree)
        #expect(try site.text("/a.txt") == "shared")
        try tree.remove("app/public")
        try tree.link("app/public", to: "../outside")
        site.wait()
        #expect(try site.text("/a.txt") == nil)
    }

    @Test("an app that is reached through a link is one")
    func linkedApp() throws {
        try tree.file("app/public/b.txt", "b")
        try tree.link("app/public/c.txt", to: "../dist/a.txt")
        try tree.link("current", to: "app")
        let site = TestSite(tree, releases: ["current"])
        #expect(try site.text("/b.txt") == "b")
        #expect(try site.text("/c.txt") == "release")
    }

    /// A link that changes all the time between a place inside and one outside, beside a directory that is swapped for a
    /// link: whatever moment the lookup meets, it never serves what lies outside.
    @Test("a link that is swapped while we look never leads out", .timeLimit(.minutes(5)))
    func swapRace() throws {
        try tree.file("app/public/real/a.txt", "inside")
        try tree.link("app/public/a", to: "../dist")
        let swapper = Swapper(tree.path + "/app/public")
        swapper.start()
        defer { swapper.stop() }
        let site = TestSite(tree)
        var served = 0
        // And on, while a busy machine lets the swapper wait.
        for round in 0..<400_000 where round < 4000 || swapper.count <= 100 {
            site.wait()
            for path in ["/a/a.txt", "/real/a.txt"] {
                guard let text = try site.text(path) else { continue }
                served += 1
                #expect(text == "release" || text == "inside")
            }
        }
        #expect(swapper.stop() > 100)
        #expect(served > 0)
    }
}

/// Lets `a` lead inside and outside by turns, and puts a link that leads outside in place of the directory `real`, until
/// it is told to stop.
private final class Swapper: Sendable {
    private let directory: String
    private let isStopping = Atomic(false)
    private let rounds = Atomic(0)
    private let hasEnded = Atomic(false)

    init(_ directory: String) { self.directory = directory }

    func start() {
        startThread(name: "swapper") { [self] in
            while !isStopping.load(ordering: .relaxed) {
                for target in ["../../outside", "../dist"] {
                    symlink(target, directory + "/next")
                    rename(directory + "/next", directory + "/a")
                }
                rename(directory + "/real", directory + "/kept")
                symlink("../../outside", directory + "/real")
                unlink(directory + "/real")
                rename(directory + "/kept", directory + "/real")
                rounds.wrappingAdd(1, ordering: .relaxed)
            }
            hasEnded.store(true, ordering: .releasing)
        }
    }

    /// Rounds so far.
    var count: Int { rounds.load(ordering: .relaxed) }

    /// The number of rounds.
    @discardableResult func stop() -> Int {
        isStopping.store(true, ordering: .relaxed)
        while !hasEnded.load(ordering: .acquiring) { sched_yield() }
        return rounds.load(ordering: .relaxed)
    }
}
