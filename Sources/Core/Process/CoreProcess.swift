import AdminAPI
import AdminServer
import Deploys
import Foundation
import Gateway
import Glibc
import Linux
import Logging
import Model
import NIOCore
import NIOPosix
import Pool
import Spawning
import Telemetry

/// The core process: takes over what the supervisor holds, builds the parts, and takes them down again in order.
///
///     takeOver -> parts -> gateway serves -> admin serves -> apps boot -> ready … shutdown -> done
package enum CoreProcess {
    /// Where `passenger-launch` put the socket to the supervisor.
    private static let controlDescriptor: Int32 = 3

    package static func run() -> Never {
        // Descriptors that came with the exec are ours alone; children get exactly what a plan names.
        try? setCloseOnExec(from: 3)
        try? ignoreSignal(SIGPIPE)
        umask(0o077)
        setProcessName("passenger-core")
        // libdispatch asks for a higher priority for its threads, which an unprivileged process cannot have, and would tell syslog
        // of each. No process is started by this one, so nobody inherits the variable.
        setenv("LIBDISPATCH_LOG", "NO", 0)
        limitMallocArenas(to: System.coreCount)
        let link = SupervisorLink(descriptor: controlDescriptor)
        do {
            let inheritance = try link.takeOver()
            let plan = try CoreBootPlan.decode(inheritance.bootPlan)
            let core = try Core(plan: plan, inheritance: inheritance, link: link)
            Task { await core.run() }
            dispatchMain()
        } catch {
            try? link.send(.failed(reason: "the core could not start: \(error)", exitCode: 1))
            exit(1)
        }
    }
}
