import Foundation
import Glibc
import Testing

@testable import Releases

struct EnvironmentStoreTests {
    let sandbox: Sandbox
    private let store = EnvironmentStore()
    private var shared: String { "\(sandbox.root)/shared" }

    init() throws {
        sandbox = try Sandbox()
        for name in ["", "/.passenger", "/shared"] {
            try FileManager.default.createDirectory(
                atPath: sandbox.root + name, withIntermediateDirectories: true)
        }
    }

    private func root() throws -> DeployRoot { try DeployRoot.open(sandbox.root) }

    private func write(_ text: String, replacing: String?, keep: Int = 10) throws -> EnvironmentText {
        try store.write(root(), text: text, replacing: replacing, keep: keep)
    }

    private func contents(_ name: String) -> String? {
        try? String(contentsOfFile: "\(shared)/\(name)", encoding: .utf8)
    }

    private func mode(_ name: String) -> mode_t {
        var status = stat()
        return lstat("\(shared)/\(name)", &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    @Test func `Each change is a version, and nobody else may read any of them`() throws {
        #expect(try store.read(root()) == EnvironmentText(text: nil, version: nil))
        #expect(try write("A=1\n", replacing: nil) == EnvironmentText(text: "A=1\n", version: 1))
        #expect(try write("A=2\n", replacing: "A=1\n").version == 2)
        #expect(contents(".env") == "A=2\n" && contents(".env.versions/1") == "A=1\n")
        #expect(mode(".env") == 0o600 && mode(".env.versions/1") == 0o600 && mode(".env.versions") == 0o700)
        #expect(try store.read(root(), version: 1).text == "A=1\n")
        #expect(throws: BuilderFailure.self) { try store.read(root(), version: 7) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: shared).sorted() == [".env", ".env.versions"])
    }

    @Test func `What was there before, or was edited by hand, is a version too`() throws {
        try "H=1\n".write(toFile: "\(shared)/.env", atomically: false, encoding: .utf8)
        #expect(try write("A=1\n", replacing: "H=1\n").version == 2)
        try "H=2\n".write(toFile: "\(shared)/.env", atomically: false, encoding: .utf8)
        #expect(try write("A=2\n", replacing: "H=2\n").version == 4)
        #expect((1...4).map { contents(".env.versions/\($0)") } == ["H=1\n", "A=1\n", "H=2\n", "A=2\n"])
    }

    @Test func `A change that was made of something else is refused`() throws {
        _ = try write("A=1\n", replacing: nil)
        #expect(throws: BuilderFailure.self) { try write("A=2\n", replacing: nil) }
        #expect(throws: BuilderFailure.self) { try write("A=2\n", replacing: "A=0\n") }
        #expect(contents(".env") == "A=1\n" && contents(".env.versions/2") == nil)
    }

    @Test func `What was not proved is taken back, the newest only`() throws {
        try "H=1\n".write(toFile: "\(shared)/.env", atomically: false, encoding: .utf8)
        _ = try write("A=1\n", replacing: "H=1\n")
        #expect(throws: BuilderFailure.self) { try store.takeBack(root(), version: 1) }
        #expect(try store.takeBack(root(), version: 2) == EnvironmentText(text: "H=1\n", version: 1))
        #expect(contents(".env") == "H=1\n" && mode(".env") == 0o600 && contents(".env.versions/2") == nil)
    }

    @Test func `The first file of all is taken back by its end`() throws {
        _ = try write("A=1\n", replacing: nil)
        #expect(try store.takeBack(root(), version: 1) == EnvironmentText(text: nil, version: nil))
        #expect(contents(".env") == nil)
    }

    @Test func `Old versions go`() throws {
        var before: String?
        for number in 1...6 {
            _ = try write("A=\(number)\n", replacing: before, keep: 3)
            before = "A=\(number)\n"
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: "\(shared)/.env.versions").sorted()
        #expect(left == ["4", "5", "6"])
    }

    @Test(arguments: [".env", ".env.versions"])
    func `No link is followed`(_ name: String) throws {
        let victim = "\(sandbox.path)/victim"
        try FileManager.default.createDirectory(atPath: victim, withIntermediateDirectories: true)
        try "secret".write(toFile: "\(victim)/file", atomically: false, encoding: .utf8)
        let target = name == ".env" ? "\(victim)/file" : victim
        try FileManager.default.createSymbolicLink(atPath: "\(shared)/\(name)", withDestinationPath: target)
        #expect(throws: BuilderFailure.self) { try store.read(root()) }
        #expect(throws: BuilderFailure.self) { try write("A=1\n", replacing: nil) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: victim) == ["file"])
        #expect(try String(contentsOfFile: "\(victim)/file", encoding: .utf8) == "secret")
    }

    @Test func `A FIFO in its place is not waited for`() throws {
        mkfifo("\(shared)/.env", 0o600)
        #expect(throws: BuilderFailure.self) { try store.read(root()) }
    }
}
