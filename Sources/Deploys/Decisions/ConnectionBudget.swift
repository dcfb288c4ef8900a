import Model

/// What the database gives an app, against what its workers may take: two generations at once may take twice as much.
struct ConnectionBudget {
    var settings: DatabaseSettings

    /// What is said of so many workers at once, of all generations; nil when nothing has to be.
    func warning(workers: Int, new: Int) -> String? {
        guard let limit = settings.connections else { return nil }
        let wanted = workers * settings.perWorker
        guard wanted > limit else { return nil }
        return "the database may run out of connections: \(workers) workers, \(new) of them new, may open \(wanted) "
            + "(\(settings.perWorker) each), and it gives \(limit); `strategy: rolling` with a small surge, or a shorter "
            + "rollback_window, needs fewer at a time"
    }
}
