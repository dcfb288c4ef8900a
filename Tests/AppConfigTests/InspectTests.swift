import Foundation
import Model
import Testing

@testable import AppConfig

@Suite("The inspector")
struct InspectTests {
    private func run(_ input: Data) throws -> (status: Int32, answer: InspectAnswer) {
        let tree = try TemporaryTree()
        try tree.write("in", input)
        try tree.write("out", "")
        let reader = open(tree["in"], O_RDONLY | O_CLOEXEC)
        let writer = open(tree["out"], O_WRONLY | O_CLOEXEC)
        defer {
            close(reader)
            close(writer)
        }
        let status = InspectProcess.run(input: reader, output: writer)
        let output = try Data(contentsOf: URL(fileURLWithPath: tree["out"]))
        return (status, try JSONDecoder().decode(InspectAnswer.self, from: output))
    }

    private func deployRoot(_ env: String) throws -> (TemporaryTree, InspectRequest) {
        let tree = try TemporaryTree(["root/releases/1-a/app.js": "", "root/shared/.env": env])
        let request = InspectRequest(
            directory: tree["root/releases/1-a"], root: tree["root"], environment: ["PASSENGER_ENVVARS": "A=1"],
            workingDirectory: "/")
        return (tree, request)
    }

    @Test("A request is answered with settings and what the env file holds, apart from each other")
    func settings() throws {
        let (tree, request) = try deployRoot("SECRET=x\n")
        let (status, answer) = try run(JSONEncoder().encode(request))
        #expect(status == 0)
        #expect(answer.error == nil)
        let app = try #require(answer.app)
        #expect(app == (try ConfigLoader().loadApp(request)))
        #expect(app.fileVariables == ["SECRET": "x"])
        #expect(app.settings.variables == ["A": "1"])
        #expect(app.settings.envFile == tree["root/shared/.env"])
        #expect(app.settings.name.rawValue == "root")
    }

    @Test("What is wrong is answered as problems with their places")
    func problemsAnswered() throws {
        let (tree, request) = try deployRoot("A=1\nB\n")
        let (status, answer) = try run(JSONEncoder().encode(request))
        #expect(status == 2)
        #expect(answer.app == nil)
        #expect(answer.error?.problems.first?.file == tree["root/shared/.env"])
        #expect(answer.error?.problems.first?.line == 2)
        #expect(answer.error?.exitStatus == 2)
    }

    @Test("An env file that is named and not there is refused where it was named")
    func missingEnvFile() throws {
        let (tree, request) = try deployRoot("")
        try tree.write("root/Passengerfile.yml", "\nenv_file: other.env")
        let found = problems { try ConfigLoader().loadApp(request) }
        #expect(found.map(\.line) == [2])
        #expect(found.first?.message == "'env_file' names \(tree["root/other.env"]), which does not exist")
    }

    @Test("Input that is no request, or too long, is refused", arguments: ["", "{", "[]", "{\"version\": 1}"])
    func garbage(text: String) throws {
        let (status, answer) = try run(Data(text.utf8))
        #expect(status == 2)
        #expect(answer.error?.problems.map(\.message) == ["the request cannot be read"])
        let long = try run(Data(repeating: 0x20, count: InspectProcess.maximumRequest + 10))
        #expect(long.answer.error?.problems.map(\.message) == ["the request is too long"])
    }
}
