// For the tests of the supervisor: `supervise PLANFD` is one, which becomes the program at its own
// path at an ALRM, and `core SOCKET` is a core that hands its control socket
// to whoever listens on SOCKET, so that a test can play the core, and then waits to be ended. `reload` is what
// makes a new plan: the one that the test has put into its input.
import Glibc
import Linux
import Supervisor

switch CommandLine.arguments.dropFirst().first {
case "supervise":
    Supervisor.run(
        Array(CommandLine.arguments.dropFirst(2)),
        rehearsal: Rehearsal(signal: SIGALRM, program: CommandLine.arguments[0]))
case "core":
    let socket = try connectUnix(path: CommandLine.arguments[2])
    try MessageSocket.send(socket.number, [1], descriptors: [3])
    while true { pause() }
case "reload":
    // The plan that the test wants to come of it.
    try writeAll(3, try readWholeFile(4, limit: 1 << 20))
default:
    exit(2)
}
