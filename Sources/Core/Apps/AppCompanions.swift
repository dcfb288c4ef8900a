import Deploys
import Model
import Pool
import Spawning

/// `CompanionKeeping` over Spawning's keeper.
struct AppCompanions: CompanionKeeping {
    let keeper: CompanionKeeper

    func quiet() { keeper.quiet() }
    func resume() { keeper.resume() }
    func replace(with settings: AppSettings, release: ReleaseLabel?) {
        keeper.replace(with: CompanionCrew(settings: settings, release: release))
    }

    func troubles() -> [String: String] {
        var troubles: [String: String] = [:]
        for companion in keeper.snapshot() where companion.isFailing {
            troubles["\(companion.id)"] = companion.lastEnd.map { "\($0)" } ?? "it never started"
        }
        return troubles
    }
}
