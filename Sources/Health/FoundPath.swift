/// What proves the workers of a version whose settings name no path: found out with the first worker, the same for all of them.
package enum FoundPath: String, Sendable, Equatable {
    /// The app routes it: it was answered with 2xx. Each new Rails app has it, others by custom; it needs no login, and says no more than
    /// that the app is up. A redirect, a 404 or an error says that it is not there, or not for us: many apps have some answer for
    /// whatever path they are asked for.
    case up = "/up"
    case root = "/"
}
