import AdminAPI
import Model

/// Looks at the server as often as somebody wants to see it, and no more than twice a second however many they are. Each gets
/// the newest state when it is ready for it: a slow reader misses some, and holds up nobody.
actor StateFeed {
    static let interval = Duration.milliseconds(500)
    static let mostReaders = 32
    /// For how long after the last reader, so that a page that is loaded again has rates.
    static let linger = 20

    private let plane: any ControlPlane
    private var history = TrafficHistory()
    private var deploys: [AppName: [DeploySummary]] = [:]
    private var readers: [Int: AsyncStream<DashboardState>.Continuation] = [:]
    private var nextReader = 0
    private var looking: Task<Void, Never>?
    private var looksLeft = 0

    init(plane: any ControlPlane) { self.plane = plane }

    /// Nil when there are too many.
    func read() -> AsyncStream<DashboardState>? {
        guard readers.count < Self.mostReaders else { return nil }
        let (states, teller) = AsyncStream<DashboardState>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let number = nextReader
        nextReader += 1
        readers[number] = teller
        teller.onTermination = { _ in Task { await self.leave(number) } }
        keepLooking()
        return states
    }

    func now() async -> DashboardState {
        keepLooking()
        return await look()
    }

    private func leave(_ number: Int) { readers[number] = nil }

    private func keepLooking() {
        looksLeft = Self.linger
        guard looking == nil else { return }
        looking = Task {
            while looksLeft > 0 {
                let state = await look()
                for reader in readers.values { reader.yield(state) }
                looksLeft = readers.isEmpty ? looksLeft - 1 : Self.linger
                try? await Task.sleep(for: Self.interval)
            }
            looking = nil
        }
    }

    private func look() async -> DashboardState {
        history.add(await plane.metrics())
        let report = await plane.status()
        var state = DashboardState(report: report, figures: history.current)
        for app in report.apps {
            // An app that is not served has none.
            let all = (try? await plane.deploys(app.name)) ?? []
            state.deploys[app.name] = Array(all.prefix(DashboardState.shownDeploys))
            if let number = app.operation?.deploy {
                state.running[app.name] = try? await plane.deploy(app.name, number)
            }
        }
        return state
    }
}
