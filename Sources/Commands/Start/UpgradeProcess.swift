import AdminAPI
import Core
import Foundation
import Glibc
import Linux
import Model

/// `passenger _upgrade`, of the new program: makes the plan by which it is to take a running server over, or says why it cannot.
/// It runs as the supervisor does.
package enum UpgradeProcess {
    package static func run() -> Int32 {
        do {
            setProcessName("passenger-upgrade")
            umask(0o022)
            let running = try RunningPlan()
            // That the supervisor can go on as this program, when it is one.
            let state = try readWholeFile(ReloaderPlan.stateTarget, limit: 64 << 20)
            _ = try MessageCodec.decodeSupervisorState(state)
            try writeAll(ReloaderPlan.resultTarget, MessageCodec.encode(compile(running)))
            return 0
        } catch {
            printError("passenger _upgrade: \(error)")
            return 1
        }
    }

    private static func compile(_ running: RunningPlan) throws -> CompiledPlan {
        do {
            let library = try LibraryPaths.find(program: try ownProgram(), version: ProductVersion.current)
            guard access(library.launchProgram, X_OK) == 0 else {
                throw StartError("\(library.launchProgram) cannot be run: \(SystemError.describe(errno))")
            }
            let loaders = try InstanceFiles.copyLoaders(
                of: library, into: running.core.instanceDirectory, beside: running.core.loaderDirectory)
            let plans = try StartAction(request: running.request).prepareAgain(
                running.supervisor, running.core, library, loaders: loaders)
            let change = PlanChange(from: running.core, to: plans.core)
            let refusals =
                change.refusals
                + change.takenOver.map { "app \($0.name): its root is a deploy root now: `passenger reload` first" }
            guard refusals.isEmpty else { return .refused(reason: refusals.joined(separator: "\n")) }
            return .plan(plans.supervisor)
        } catch let error as StartError {
            return .refused(reason: error.description)
        }
    }
}
