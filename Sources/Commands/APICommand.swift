import AdminAPI
import AdminClient
import ArgumentParser

struct APICommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "api", abstract: "Send a request to the admin API and print the raw answer.",
        discussion: """
            For example: passenger api GET /status
            templates/openapi.yaml, beside the program's other files, describes all paths, requests and answers.
            """)

    @Argument(help: "GET, POST, …")
    var method: String

    @Argument(help: "Path, such as /apps/blog/deploys.")
    var path: String

    @Option(help: ArgumentHelp("Request body.", valueName: "json"))
    var body: String?

    @OptionGroup var target: TargetOptions
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        let isMethod = !method.isEmpty && method.utf8.allSatisfy { (0x41...0x5A).contains($0) }
        guard isMethod else { throw ValidationError("The method is one word in capitals, such as GET.") }
        let isPath = path.utf8.first == UInt8(ascii: "/") && path.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        guard isPath else { throw ValidationError("The path begins with / and has no blanks.") }
    }

    func run() throws {
        let context = CommandContext(global)
        let instance = try context.target(target, acceptsOnlyInstance: true).instance
        let client = AdminClient(socketPath: instance.adminSocket)
        var isSilent = true
        let status = try client.raw(method, path, body: Array((body ?? "").utf8)) {
            isSilent = false
            context.console.write($0)
        }
        guard !(200..<300).contains(status) else { return }
        if isSilent { context.console.error("error: The server answered with HTTP status \(status), and no more.") }
        let code = ErrorCode.allCases.first { $0.httpStatus == status }
        throw ExitCode(code?.exitStatus ?? 1)
    }
}
