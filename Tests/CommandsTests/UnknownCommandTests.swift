import ArgumentParser
import Testing

@testable import Commands

struct UnknownCommandTests {
    @Test(arguments: [
        ("stauts", "'stauts' is no command of passenger. Did you mean 'status'?"),
        ("stauts --json", "'stauts' is no command of passenger. Did you mean 'status'?"),
        ("frobnicate", "'frobnicate' is no command of passenger.\n"),
        ("deploys shwo 3", "'shwo' is no command of passenger deploys. Did you mean 'show'?"),
        ("deploys frobnicate", nil), ("config /srv/app --what", nil), ("deploy --dryrun", nil), ("deploy x y", nil),
        ("help stauts", nil), ("--json", nil), ("", nil),
    ])
    func `A word that is no command is told from wrong options`(line: String, message: String?) {
        let found = UnknownCommand(in: line.split(separator: " ").map(String.init), of: PassengerCommand.self)
        if let message {
            #expect(found?.message.contains(message) == true, "\(found?.message ?? "none")")
        } else {
            #expect(found == nil, "\(found?.message ?? "")")
        }
    }

    @Test func `A tool of Phusion Passenger's has its own commands`() {
        let found = UnknownCommand(in: ["restart-apps", "."], of: PassengerConfigTool.self)
        #expect(found?.message.contains("Did you mean 'restart-app'?") == true)
    }
}
