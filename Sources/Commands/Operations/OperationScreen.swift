import AdminAPI
import Glibc
import Linux
import Model
import Terminal

/// Where events go: JSON lines as they are, or a renderer of steps.
struct OperationScreen {
    private let console: Console
    private let isJSON: Bool
    private var renderer: any StepRenderer
    let tickInterval: Duration

    init(context: CommandContext, showsOutput: Bool) {
        console = context.console
        isJSON = context.global.json
        let traits = console.output
        if traits.isLive {
            renderer = LiveSteps(traits)
            tickInterval = .milliseconds(100)
            return
        }
        renderer =
            switch console.pipeline {
            case .github: GitHubSteps(traits)
            case .gitlab: GitLabSteps(traits, epoch: OperationScreen.epoch)
            case nil: PlainSteps(traits, showsOutput: showsOutput)
            }
        tickInterval = .seconds(1)
    }

    private static var epoch: Double { Double(time(nil)) - (monotonicNow() - .zero).inSeconds }

    mutating func show(_ event: OperationEvent) {
        if isJSON { return (try? console.json(event, pretty: false)) ?? () }
        guard let step = StepEvent(event) else { return }
        console.write(renderer.show(step, at: monotonicNow()))
    }

    mutating func tick() {
        if !isJSON { console.write(renderer.tick(at: monotonicNow())) }
    }

    mutating func end() {
        if !isJSON { console.write(renderer.end(at: monotonicNow())) }
    }
}

extension StepEvent {
    /// Nil for what is not a step: the end is told by `OperationReport`.
    init?(_ event: OperationEvent) {
        switch event {
        case .stepStarted(let step, let title): self = .started(title: title ?? step)
        case .stepFinished(_, let seconds, let failure): self = .finished(seconds: seconds, failure: failure)
        case .output(_, let line): self = .output(line: line)
        case .progress(_, let text): self = .progress(text: text)
        case .switched(let release, let milliseconds):
            let time = HumanFormat.duration(seconds: milliseconds / 1000)
            self = .note(StyledText("switched to \(release ?? "the new generation") in \(time)", .strong))
        case .notice(.info, let text): self = .note(StyledText(text, .faint))
        case .notice(.warning, let text): self = .warning(text)
        case .notice(.alarm, let text): self = .alarm(text)
        case .skipped(let events): self = .note(StyledText("(\(events) earlier events are gone)", .faint))
        case .finished, .unknown: return nil
        }
    }
}
