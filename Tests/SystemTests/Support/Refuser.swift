import Foundation
import Glibc
import Linux
import Testing

/// Refuses a server, and all that it starts, one call of a kind (Tests/clients/refuse.c).
final class Refuser: Sendable {
    enum Resource: String, Sendable {
        /// Below the deploy root, the state directory and the runtime directory: ENOSPC.
        case space
        /// In the server's own processes: EMFILE.
        case descriptors
    }

    let resource: Resource
    private let program: String
    private let control: String
    private let names: [String]

    init(_ resource: Resource, in place: Place) throws {
        self.resource = resource
        program = "\(place.path)/refuse"
        control = "\(place.path)/control"
        names =
            switch resource {
            case .space: ["root", "state", "run"].map { "\(place.path)/\($0)" }
            case .descriptors: ["passenger", "passenger-launch"]
            }
        try Clients.run(["cc", "-O1", "-o", program, "\(Clients.directory)/refuse.c"], in: place)
        try write([0, 0, 0, 0, 0, 0])
    }

    /// To be put in front of the server's command line.
    var wrapper: [String] { [program, control, resource.rawValue] + names + ["--"] }

    /// From now on the call of this number is refused, and `length - 1` after it; with none of them they are only told.
    func refuse(_ first: Int, length: Int = 1) throws {
        truncate("\(control).calls", 0)
        let error = resource == .space ? ENOSPC : EMFILE
        try write([Int64(error), Int64(first), Int64(length), length == 0 ? 1 : 0, 0, 0])
    }

    /// Nothing is refused any more. What there was since `refuse`, and what was refused or told.
    func relent() throws -> (calls: Int, refused: Int, told: [String]) {
        let bytes = try readFile(control)
        let words = bytes.withUnsafeBytes { Array($0.bindMemory(to: Int64.self)) }
        try write([0, 0, 0, 0, 0, 0])
        return (Int(words[4]), Int(words[5]), text(of: "\(control).calls").split(separator: "\n").map(String.init))
    }

    /// Waits until nothing is written any more. Descriptors are made all the time.
    func waitForQuiet() throws {
        guard resource == .space else { return }
        try eventually("quiet") {
            let now = try readFile(control)
            usleep(80_000)
            return try readFile(control) == now
        }
    }

    private func write(_ words: [Int64]) throws {
        let file = try openFile(control, flags: O_WRONLY | O_CREAT, mode: 0o600)
        try writeAll(file.number, words.withUnsafeBytes { Array($0) })
    }
}
