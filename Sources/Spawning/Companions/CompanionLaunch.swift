import Glibc
import Model
import Pool

/// How a companion's process is started. Pure.
enum CompanionLaunch {
    /// - Parameters:
    ///   - environment: the app's whole environment as `KEY=value`.
    ///   - openFiles: the limit that the server was started with; the app gets it back.
    static func plan(
        _ command: String, of crew: CompanionCrew, environment: [String], openFiles: (soft: UInt64, hard: UInt64)
    ) -> LaunchPlan {
        var variables = environment
        if let release = crew.release {
            variables += ["PASSENGER_RELEASE=\(release.name)", "PASSENGER_REVISION=\(release.revision)"]
        }
        // `exec`: signals go to the leader, which is to be the program and not a shell that waits for it.
        var plan = LaunchPlan(
            arguments: ["/bin/sh", "-c", "exec \(command)"], environment: variables, directory: crew.settings.directory)
        plan.limits = [
            ResourceLimit(resource: Int32(RLIMIT_NOFILE.rawValue), soft: openFiles.soft, hard: openFiles.hard)
        ]
        // Before a worker: a job can be done later, a request cannot.
        plan.oomScore = 250
        return plan
    }
}
