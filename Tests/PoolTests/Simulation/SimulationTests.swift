import Glibc
import Model
import Testing

@testable import Pool

struct SimulationTests {
    /// POOL_SIM_SEEDS=… runs as many (`scripts/test`: ten thousand), POOL_SIM_FROM=… from there on.
    private static let seeds = number("POOL_SIM_SEEDS") ?? 1000
    private static let from = number("POOL_SIM_FROM") ?? 1
    private static let parts = 2

    static func number(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }

    private struct Outcome: Sendable {
        var (events, runs) = (0, 0)
        var problem: String?
    }

    @Test(arguments: 0..<parts)
    func `worlds with faults break no rule`(part: Int) async {
        let outcome = await aside {
            var outcome = Outcome()
            for seed in stride(from: Self.from + UInt64(part), to: Self.from + Self.seeds, by: Self.parts) {
                let world = Simulation(seed: seed)
                world.run()
                outcome.events += world.events
                outcome.runs += 1
                guard world.violations.isEmpty else {
                    outcome.problem = Self.report(seed)
                    break
                }
            }
            return outcome
        }
        print("pool simulation: \(outcome.runs) seeds, \(outcome.events) events")
        #expect(outcome.problem == nil, "\(outcome.problem ?? "")")
        #expect(outcome.events > outcome.runs * 100)
    }

    /// POOL_SIM_SEED=… shows one run.
    @Test(.enabled(if: number("POOL_SIM_SEED") != nil))
    func `one seed, shown`() {
        let world = Simulation(seed: Self.number("POOL_SIM_SEED") ?? 1, traces: true)
        world.run()
        print(world.trace.joined(separator: "\n"))
        #expect(world.violations.isEmpty)
    }

    @Test func `a seed replays exactly`() {
        for seed in 1...20 as ClosedRange<UInt64> {
            let worlds = [Simulation(seed: seed), Simulation(seed: seed)]
            for world in worlds { world.run() }
            #expect(worlds[0].digest == worlds[1].digest)
        }
    }

    private static func report(_ seed: UInt64) -> String {
        let world = Simulation(seed: seed, traces: true)
        world.run()
        return "seed \(seed) (POOL_SIM_SEED=\(seed) shows it whole): \(world.violations)\n"
            + world.trace.suffix(40).joined(separator: "\n")
    }
}
