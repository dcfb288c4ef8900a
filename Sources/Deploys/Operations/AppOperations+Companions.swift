import Model
import Pool

/// Companions follow what is live: they are replaced in the step that makes a switch, and in the one that takes it back.
extension AppOperations {
    func man(_ code: BootedCode) {
        manned = code.generation
        parts.companions?.replace(with: code.settings, release: code.release?.label)
    }

    /// At the start of a server there is no switch: they begin when the first worker serves, and not while it boots.
    func manWhenServing() {
        guard parts.companions != nil, !isShuttingDown, let live, manned != live.generation,
            parts.host?.liveGeneration()?.number == live.generation
        else { return }
        man(live)
    }

    /// A companion that keeps ending is said to whoever follows the deploy. It switches nothing back: the bake judges what
    /// clients get, and the companions of the version before would have the same queue and the same database.
    func noteTroubles() {
        guard let companions = parts.companions else { return }
        for (name, trouble) in companions.troubles().sorted(by: { $0.key < $1.key }) {
            guard run?.troubled.insert(name).inserted == true else { continue }
            run?.ticket.log.append(.notice(.warning, "companion \(name) keeps ending: \(trouble)"))
        }
    }
}
