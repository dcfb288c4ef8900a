import AppConfig
import Deploys
import Gateway
import Glibc
import Linux
import Model
import Pool
import StaticFiles
import Synchronization

/// Keeps the gateway's route of one app in step with what its traffic goes to: the settings of the live generation, and the
/// releases whose files are served. The app's log follows them too.
///
/// Fingerprinted assets are looked up in every release that a generation runs, and then in the last ones that were live
/// (`asset_overlap`): pages that a browser got from the version before ask for that one's assets.
final class AppRoutes: Sendable {
    private struct Past {
        var release: StaticSite.Release
        var until: Instant
    }

    private struct State {
        var settings: [GenerationNumber: AppSettings] = [:]
        var live: GenerationNumber?
        var past: [Past] = []

        /// What is still of use beside a version with these settings.
        mutating func keepPast(beside settings: AppSettings, now: Instant) -> [StaticSite.Release] {
            past.removeAll { $0.until <= now || $0.release.application == settings.directory }
            past = Array(past.prefix(settings.http.files.assetOverlapReleases))
            return past.map(\.release)
        }
    }

    private static let longestPage = 256 << 10

    private let pool: Pool
    private let app: AppIndex
    private let location: AppLocation
    private let table: RouteTable
    /// The server serves no other app, so that the size of the pool is this one's to say.
    private let isAlone: Bool
    let log: AppLog
    private let state = Mutex(State())

    init(pool: Pool, app: AppIndex, location: AppLocation, table: RouteTable, isAlone: Bool, log: AppLog) {
        self.pool = pool
        self.app = app
        self.location = location
        self.table = table
        self.isAlone = isAlone
        self.log = log
    }

    /// What was live under the cores before this one: their pages may still be open.
    func remember(_ former: [AppOperations.FormerVersion]) {
        let now = monotonicNow()
        state.withLock { state in
            state.past = former.map {
                Past(
                    release: release($0.settings),
                    until: now + max($0.settings.http.files.assetOverlapTime - $0.age, .zero))
            }
        }
    }

    /// Before anything is live: what answers then are error pages, by these settings.
    func begin(_ settings: AppSettings) { table.set(route(settings, [], [])) }

    /// A generation was made of these settings; it may be switched to from now on.
    func booted(_ generation: GenerationNumber, _ settings: AppSettings) {
        state.withLock { $0.settings[generation] = settings }
    }

    /// Nothing is live, and this generation will be with its first proved worker. Nothing tells when that is, so its settings count
    /// from now on: for the pages that answer until then, and for its first requests.
    func starts(_ generation: GenerationNumber, _ settings: AppSettings) {
        let past = state.withLock { state in
            state.settings[generation] = settings
            state.live = generation
            return state.keepPast(beside: settings, now: monotonicNow())
        }
        table.set(route(settings, [], past))
    }

    /// `max_pool_size`, before a generation takes the traffic and so that it has room for its workers. Of many apps it is the server's.
    func size(for settings: AppSettings) {
        let size = settings.pool.maxPoolSize
        if isAlone, pool.maxPoolSize != size { pool.setMaxPoolSize(size) }
    }

    func size(for generation: GenerationNumber) {
        if let settings = state.withLock({ $0.settings[generation] }) { size(for: settings) }
    }

    /// The traffic goes to another generation, or one is gone.
    func refresh() {
        guard let live = pool.liveGeneration(app) else { return }
        let others = pool.snapshot(of: app)?.generations.map(\.number) ?? []
        let now = monotonicNow()
        let found = state.withLock { state -> (AppSettings, [AppSettings], [StaticSite.Release])? in
            guard let settings = state.settings[live] else { return nil }
            if let before = state.live, before != live, let old = state.settings[before] {
                state.past.insert(
                    Past(release: release(old), until: now + old.http.files.assetOverlapTime), at: 0)
            }
            state.live = live
            state.settings = state.settings.filter { $0.key == live || others.contains($0.key) }
            let past = state.keepPast(beside: settings, now: now)
            let beside = others.sorted { $0.rawValue > $1.rawValue }.filter { $0 != live }
            return (settings, beside.compactMap { state.settings[$0] }, past)
        }
        guard let (settings, beside, past) = found else { return }
        log.use(settings.appLogFile)
        pool.setQueue(app, settings.queue)
        size(for: settings)
        table.set(route(settings, beside, past))
    }

    /// The traffic is shared between two, or not any more.
    private var isShared: Bool { (pool.snapshot(of: app)?.table.entries.count ?? 0) > 1 }

    private func route(_ settings: AppSettings, _ beside: [AppSettings], _ past: [StaticSite.Release]) -> Route {
        var releases = [release(settings)]
        for other in beside.map(release) + past where !releases.contains(other) { releases.append(other) }
        return Route(
            app: app, settings: settings, releases: releases,
            shared: location.isDeployRoot ? "\(location.path)/shared" : nil, errorPage: errorPage(settings),
            isShared: isShared)
    }

    private func release(_ settings: AppSettings) -> StaticSite.Release {
        guard location.isDeployRoot else { return StaticSite.Release(directory: settings.directory) }
        // `settings.directory` may be a subdirectory of the release.
        let releases = "\(location.path)/releases/"
        guard settings.directory.hasPrefix(releases) else { return StaticSite.Release(directory: settings.directory) }
        let name = settings.directory.dropFirst(releases.count).prefix { $0 != "/" }
        return StaticSite.Release(directory: releases + name, application: settings.directory)
    }

    /// The app's own page, as far as it is a file of the app's: without following links, and bounded.
    private func errorPage(_ settings: AppSettings) -> String? {
        guard let path = settings.http.customErrorPage else { return nil }
        do throws(SystemError) {
            let directory = try openPath(settings.directory)
            let file = try openBeneath(directory.number, path, flags: O_RDONLY | O_NONBLOCK)
            return String(decoding: try readAll(file.number, limit: Self.longestPage), as: UTF8.self)
        } catch {
            return nil
        }
    }
}
