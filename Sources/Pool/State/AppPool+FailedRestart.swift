/// A restart that came to nothing, of an app that somebody works on: whoever has made the mistake looks at a browser, and an answer of
/// the version before would say that all is well.
extension AppPool {
    /// Kept until the next switch. Only what comes from now on is refused: requests in flight, those that wait for a worker of the
    /// version before, and streams go on. Where nothing is live, boots that fail tell it by themselves.
    mutating func restartFailed(_ failure: BootFailure) {
        guard closing == nil, !table.isEmpty else { return }
        failedRestart = failure
    }

    /// What there is to tell somebody whose request was refused with `notBooted`.
    var failureToShow: BootFailure? { failedRestart ?? lastBootFailure }

    /// A request that was taken back from a worker was let in before.
    func isRefusedAfterRestart(_ wish: CheckoutWish) -> Bool {
        failedRestart != nil && closing == nil && !wish.goesFirst
    }

    mutating func refuseAfterRestart() -> CheckoutAnswer {
        let refusal = Refusal.notBooted(summary: failedRestart?.summary ?? "")
        count(refusal)
        return .refused(refusal)
    }
}
