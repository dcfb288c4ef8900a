import Dispatch

/// Runs what takes long on a thread that is not one of the few which all tests share: others have time limits.
func aside<Answer: Sendable>(_ body: @escaping @Sendable () -> Answer) async -> Answer {
    await withCheckedContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(returning: body()) }
    }
}
