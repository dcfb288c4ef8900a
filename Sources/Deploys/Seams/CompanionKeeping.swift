package import Model
package import Pool

/// The app's background processes (`processes`), which belong to what is live. The core implements it over Spawning. Nothing
/// here waits, and nothing here decides an operation's result.
package protocol CompanionKeeping: Sendable {
    /// Called in the step of a switch, right before it: those that have a quiet signal take no new work from now on.
    /// `replace` or `resume` follows at once.
    func quiet()
    /// The switch did not come about: the old ones go on, those that were quieted anew.
    func resume()
    /// This is live now: the old ones are stopped, and when they have all ended, these are started.
    func replace(with settings: AppSettings, release: ReleaseLabel?)
    /// Those that keep ending, by name, each with what is to be said about it.
    func troubles() -> [String: String]
}
