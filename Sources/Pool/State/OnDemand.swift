import Model

/// An app of which nothing was booted yet, because nobody has asked for anything: what is to be booted is not even known.
/// Its first request waits and asks for it.
struct OnDemand {
    /// Whoever was told may have failed without a word, or be at work on something else: they are told again.
    static let patience = Duration.seconds(30)

    /// Since when a start is being waited for.
    var calledAt: Instant?
    /// The last start failed: no request is worth another try before this.
    var notBefore = Instant.zero

    func mayWait(_ now: Instant) -> Bool { calledAt != nil || now >= notBefore }

    func isCallDue(_ now: Instant) -> Bool { calledAt.map { now - $0 >= OnDemand.patience } ?? true }
}

extension AppPool {
    mutating func callForStart(_ context: inout PoolContext) {
        guard closing == nil, !queue.isEmpty, onDemand?.isCallDue(context.now) == true else { return }
        onDemand?.calledAt = context.now
        tell(.wanted, about: nil, &context)
    }

    mutating func startFailed(_ failure: BootFailure?, retryAfter: Duration, _ context: inout PoolContext) {
        guard onDemand != nil else { return }
        onDemand = OnDemand(notBefore: context.now + retryAfter)
        lastBootFailure = failure
        dispatch(&context)
    }
}
