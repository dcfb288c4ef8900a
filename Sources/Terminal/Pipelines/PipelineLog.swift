/// A CI system whose job log folds steps and shows annotations, as its own variables say.
package enum PipelineLog: Sendable, Equatable {
    case github, gitlab

    package init?(environment: [String: String]) {
        if environment["GITHUB_ACTIONS"] == "true" {
            self = .github
        } else if environment["GITLAB_CI"] == "true" {
            self = .gitlab
        } else {
            return nil
        }
    }

    /// The full id of the commit that the pipeline runs for.
    package func commit(environment: [String: String]) -> String? {
        let name = self == .github ? "GITHUB_SHA" : "CI_COMMIT_SHA"
        return environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }
}
