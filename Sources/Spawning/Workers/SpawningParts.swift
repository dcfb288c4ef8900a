package import Model
import Pool

package enum StandardStream: String, Sendable { case stdout, stderr }

/// Whose output a line is, or who is spoken of.
package enum OutputSource: Sendable, Equatable, CustomStringConvertible {
    case worker(WorkerNumber, of: GenerationNumber)
    case preloader(GenerationNumber)
    case companion(CompanionID)

    package var description: String {
        switch self {
        case .worker(let number, _): "\(number)"
        case .preloader(let generation): "\(generation) preloader"
        case .companion(let id): "\(id)"
        }
    }
}

/// What workers are made with; given by the core, so that nothing here reads the environment or the clock of the process.
package struct SpawningParts: Sendable {
    package typealias Schedule = @Sendable (_ after: Duration, _ action: @escaping @Sendable () -> Void) -> Void

    package var link: SupervisorLink
    package var reader: OutputReader
    package var meter: MemoryMeter
    let listening = ListeningTable()
    /// Mode 0700, the core's own: an app's user can neither list it nor connect into it.
    package var socketDirectory: String
    package var loaderDirectory: String
    package var socketBacklog: Int
    /// The open-file limit that the server was started with; apps get it back.
    package var openFiles: (soft: UInt64, hard: UInt64)
    /// Of workers until they serve; 0 where the supervisor could not take it back.
    package var bootNiceness: Int32
    /// Whole environment of an app, `KEY=value`.
    package var environment: @Sendable (AppSettings) -> [String]
    /// Whether workers run as the core's own user, so that it can connect to a socket that an app made.
    package var sharesUser: @Sendable (AppSettings) -> Bool
    package var schedule: Schedule
    /// Runs something that blocks (a probe) away from event loops and from the threads of this room.
    package var runBlocking: @Sendable (@escaping @Sendable () -> Void) -> Void
    /// A line that a worker or a preloader wrote.
    package var output: @Sendable (AppName, OutputSource, StandardStream, String) -> Void
    /// Something that the operator should know, though all works.
    package var notice: @Sendable (AppName, OutputSource, String) -> Void

    package init(
        link: SupervisorLink, reader: OutputReader, meter: MemoryMeter, socketDirectory: String,
        loaderDirectory: String,
        socketBacklog: Int, openFiles: (soft: UInt64, hard: UInt64), bootNiceness: Int32,
        environment: @escaping @Sendable (AppSettings) -> [String],
        sharesUser: @escaping @Sendable (AppSettings) -> Bool, schedule: @escaping Schedule,
        runBlocking: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void,
        output: @escaping @Sendable (AppName, OutputSource, StandardStream, String) -> Void,
        notice: @escaping @Sendable (AppName, OutputSource, String) -> Void
    ) {
        self.link = link
        self.reader = reader
        self.meter = meter
        self.socketDirectory = socketDirectory
        self.loaderDirectory = loaderDirectory
        self.socketBacklog = socketBacklog
        self.openFiles = openFiles
        self.bootNiceness = bootNiceness
        self.environment = environment
        self.sharesUser = sharesUser
        self.schedule = schedule
        self.runBlocking = runBlocking
        self.output = output
        self.notice = notice
    }
}
