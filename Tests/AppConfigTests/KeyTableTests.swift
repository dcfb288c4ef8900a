import Testing

@testable import AppConfig

@Suite("The table of keys")
struct KeyTableTests {
    @Test("No two keys share a name, a flag, or a name with what is not supported")
    func unique() {
        #expect(Set(KeyTable.all.map(\.name)).count == KeyTable.all.count)
        #expect(Set(KeyTable.all.map(\.flag)).count == KeyTable.all.count)
        #expect(KeyTable.unsupported.isDisjoint(with: KeyTable.all.map(\.name)))
    }

    @Test("A key's flag and variable follow from its name")
    func names() throws {
        let key = try #require(KeyTable.key(forFlag: "--health-path"))
        #expect(key.name == "health.path")
        #expect(key.flag == "--health-path")
        #expect(key.variable == "PASSENGER_HEALTH_PATH")
    }

    @Test("A deploy key also has a short flag")
    func short() {
        #expect(KeyTable.key(forFlag: "--bake")?.name == "deploy.bake")
        #expect(KeyTable.key(forFlag: "--deploy-bake")?.name == "deploy.bake")
        #expect(KeyTable.key(forFlag: "keep_releases")?.name == "deploy.keep_releases")
    }

    @Test(
        "An unknown key is refused, with the nearest known one of its group",
        arguments: [
            ("prot: 1", "1:1 unknown key 'prot'. Did you mean 'port'?"),
            ("\nmax-pool-size: 1", "2:1 unknown key 'max-pool-size'. Did you mean 'max_pool_size'?"),
            ("enviroment: x", "1:1 unknown key 'enviroment'. Did you mean 'environment'?"),
            ("deploi: {}", "1:1 unknown key 'deploi'. Did you mean 'deploy'?"),
            ("deploy:\n  brnach: x", "2:3 unknown key 'deploy.brnach'. Did you mean 'branch'?"),
            ("health:\n  hots: x", "2:3 unknown key 'health.hots'. Did you mean 'host'?"),
            ("health_path: /up", "1:1 unknown key 'health_path'. It is nested: health: {path: /up}"),
            ("colour_of_the_bikeshed: red", "1:1 unknown key 'colour_of_the_bikeshed'"),
            ("<<: {port: 1}", "1:1 unknown key '<<'"),
        ])
    func unknown(text: String, expected: String) {
        #expect(problems { try load(text) }.map(shown) == [expected])
    }

    @Test("All problems of a file are told at once")
    func several() {
        #expect(problems { try load("prot: 1\nusr: x\n") }.map(\.line) == [1, 2])
    }

    @Test(
        "Keys that this version does not have are a warning",
        arguments: ["debugger: true", "nginx_bin: /x"])
    func unsupported(text: String) throws {
        let loaded = try load(text)
        #expect(loaded.warnings.count == 1)
        #expect(loaded.warnings[0].description.contains("is not supported by this version, ignored"))
        #expect(loaded.warnings[0].line == 1)
    }
}
