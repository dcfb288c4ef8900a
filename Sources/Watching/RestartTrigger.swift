package import Model

/// What stat(2) says of a file, as far as a change of it is concerned.
package struct FileStamp: Sendable, Equatable, Codable {
    package var mtimeNanoseconds: Int64
    package var inode: UInt64
    package var size: Int64
    package init(mtimeNanoseconds: Int64, inode: UInt64, size: Int64) {
        self.mtimeNanoseconds = mtimeNanoseconds
        self.inode = inode
        self.size = size
    }
}

/// Decides when `restart.txt` asks for a restart.
///
/// A difference counts, not an order: clocks are skewed, and `cp -p` or a restored backup makes a file older. Its
/// disappearance never counts, so that a deploy that cleans `tmp/` restarts nothing. What was there at the first look is
/// the baseline, unless it is known what was there when the app was booted.
package struct RestartTrigger: Sendable {
    /// A file must rest for so long: `echo > restart.txt` makes it, then writes it, and is one wish.
    package static let settling = Duration.milliseconds(100)

    package enum Decision: Sendable, Equatable {
        case none
        /// It changed just now: look again then.
        case lookAgain(at: Instant)
        case restart(FileStamp)
    }

    private var hasBaseline = false
    /// What the app has been restarted for, or was booted with.
    package private(set) var known: FileStamp?
    private var changing: (stamp: FileStamp, since: Instant)?

    package init() {}

    package init(known: FileStamp?) {
        hasBaseline = true
        self.known = known
    }

    package mutating func observe(_ stamp: FileStamp?, now: Instant) -> Decision {
        guard hasBaseline else {
            hasBaseline = true
            known = stamp
            return .none
        }
        guard let stamp, stamp != known else {
            changing = nil
            return .none
        }
        guard let changing, changing.stamp == stamp else {
            self.changing = (stamp, now)
            return .lookAgain(at: now + RestartTrigger.settling)
        }
        let due = changing.since + RestartTrigger.settling
        guard now >= due else { return .lookAgain(at: due) }
        known = stamp
        self.changing = nil
        return .restart(stamp)
    }
}
