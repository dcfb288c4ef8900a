package import Model
package import Pool

/// One process of an app's `processes`: `worker.2`.
package struct CompanionID: Hashable, Sendable, CustomStringConvertible {
    package var name: String
    /// From 1.
    package var instance: Int

    package init(name: String, instance: Int) {
        self.name = name
        self.instance = instance
    }

    package var description: String { "\(name).\(instance)" }
}

/// What runs beside one live generation: its code, and by `settings.processes` what is made of it.
package struct CompanionCrew: Sendable, Equatable {
    package var settings: AppSettings
    /// Nil in place.
    package var release: ReleaseLabel?

    package init(settings: AppSettings, release: ReleaseLabel?) {
        self.settings = settings
        self.release = release
    }
}

/// How a companion's process ended, or why there never was one.
package struct CompanionEnd: Sendable, Equatable, CustomStringConvertible {
    package var how: ToolEnd
    /// The last line that it wrote.
    package var lastLine: String?

    package init(_ how: ToolEnd, lastLine: String? = nil) {
        self.how = how
        self.lastLine = lastLine
    }

    package var description: String { lastLine.map { "\(how): \($0)" } ?? "\(how)" }
}

/// What the operator is told.
package enum CompanionEvent: Sendable, Equatable {
    case started(CompanionID, pid: Int32)
    /// It was told to take no new work.
    case quieted(CompanionID)
    case stopping(CompanionID)
    /// It had been told to stop, or to be quiet.
    case stopped(CompanionID, CompanionEnd)
    /// By itself.
    case died(CompanionID, CompanionEnd, retryIn: Duration)
    /// So often, and so young, that it is no accident. Told once.
    case keepsDying(CompanionID, CompanionEnd)
    case recovered(CompanionID)
    /// It did not stop within its `stop_timeout`.
    case killed(CompanionID)
    /// Not even SIGKILL ended it; it is waited for no longer.
    case stuck(CompanionID)
}

/// One companion as `status` shows it.
package struct CompanionSnapshot: Sendable, Equatable {
    package enum State: String, Sendable { case waiting, starting, running, quiet, stopping }

    package var id: CompanionID
    package var state: State
    package var pid: Int32?
    package var release: ReleaseLabel?
    /// Since it was started; zero while it waits.
    package var age: Duration
    /// How often it was started again after it had ended by itself.
    package var restarts: Int
    /// Of the last process that ended by itself.
    package var lastEnd: CompanionEnd?
    /// It keeps ending soon after its start.
    package var isFailing: Bool
}
