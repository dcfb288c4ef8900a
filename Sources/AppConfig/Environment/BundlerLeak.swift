/// Undoes what `bundle exec passenger start` left in our environment, so that it does not decide which gems an app gets.
///
/// Bundler keeps the values it replaces as `BUNDLER_ORIG_<NAME>`. Variables such as `BUNDLE_PATH`, `BUNDLE_WITHOUT` and
/// `GEM_HOME` that somebody set on purpose (Ruby's container images do) are no leak and stay.
enum BundlerLeak {
    static func mended(_ environment: [String: String]) -> [String: String] {
        guard isPresent(in: environment) else { return environment }
        var mended = environment.filter { !$0.key.hasPrefix("BUNDLER_") }
        for name in replacedByBundler {
            let original = environment[originalPrefix + name]
            if let original, original != intentionallyNil {
                mended[name] = original
            } else if original != nil || !searchPaths.contains(name) {
                mended[name] = nil
            }
        }
        return mended
    }

    private static func isPresent(in environment: [String: String]) -> Bool {
        environment["BUNDLE_BIN_PATH"] != nil || environment["BUNDLER_VERSION"] != nil
            || environment["RUBYOPT"]?.contains("bundler/setup") == true
            || environment.keys.contains { $0.hasPrefix(originalPrefix) }
    }

    private static let originalPrefix = "BUNDLER_ORIG_"
    private static let intentionallyNil = "BUNDLER_ENVIRONMENT_PRESERVER_INTENTIONALLY_NIL"
    /// Only ever extended by Bundler: without a kept original the present value is better than none.
    private static let searchPaths: Set = ["PATH", "MANPATH"]
    /// `Bundler::EnvironmentPreserver::BUNDLER_KEYS`, and what was added to them since.
    private static let replacedByBundler = [
        "BUNDLE_BIN_PATH", "BUNDLE_GEMFILE", "BUNDLE_LOCKFILE", "BUNDLER_VERSION", "BUNDLER_SETUP", "GEM_HOME",
        "GEM_PATH",
        "MANPATH", "PATH", "RB_USER_INSTALL", "RUBYLIB", "RUBYOPT",
    ]
}
