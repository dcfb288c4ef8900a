import AppConfig
import Commands
import Core
import Deploys
import Foundation
import Glibc
import Releases
import StaticApp
import Supervisor
import Telemetry
import Watching
import Webhooks

// One executable is every process of a server (see README.md). The internal commands come first: they are started by the
// server itself, are no part of the command line, and must not pay for it.
let arguments = CommandLine.arguments

switch arguments.dropFirst().first {
case "_supervise": Supervisor.run(Array(arguments.dropFirst(2)))
case "_core": CoreProcess.run()
case "_inspect": exit(arguments.count == 3 ? AppInspection.run(as: arguments[2]) : InspectProcess.run())
case "_build-release": exit(BuilderProcess.run(input: 0, output: 1))
case "_import-archive":
    guard arguments.count == 3 else { exit(2) }
    exit(ArchiveProcess.run(root: arguments[2], archive: 3, output: 1))
case "_run": exit(RunnerProcess.run())
case "_notify": exit(NotifyProcess.run())
case "_apps": exit(AppsProcess.run())
case "_reload": exit(ReloadProcess.run())
case "_upgrade": exit(UpgradeProcess.run())
case "_watch": exit(WatcherProcess.run())
case "_static-app":
    guard arguments.count == 3 else { exit(2) }
    exit(StaticAppProcess.run(directory: arguments[2]))
case "_open-log":
    guard arguments.count == 3 else { exit(2) }
    exit(AppLogOpener.run(path: arguments[2]))
default:
    exit(
        CommandLineMain.run(
            Array(arguments.dropFirst()), calledAs: arguments.first ?? "passenger",
            environment: ProcessInfo.processInfo.environment))
}
