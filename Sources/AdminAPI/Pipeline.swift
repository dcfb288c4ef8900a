/// The variables by which CI systems name a run, and the page that they lead to.
package enum Pipeline {
    /// Written into the journal, so that a deploy leads back to its pipeline. Nothing secret among them.
    package static let variables = [
        "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_WORKFLOW",
        "GITHUB_ACTOR", "GITHUB_REF_NAME", "CI_PIPELINE_URL", "CI_PIPELINE_ID", "CI_JOB_URL", "CI_COMMIT_REF_NAME",
        "GITLAB_USER_LOGIN", "BUILD_URL", "BUILDKITE_BUILD_URL", "CIRCLE_BUILD_URL",
    ]

    package static func found(in environment: [String: String]) -> [String: String] {
        environment.filter { variables.contains($0.key) && !$0.value.isEmpty }
    }

    /// Where a person reads about the run.
    package static func link(_ ci: [String: String]) -> String? {
        var candidates = ["CI_JOB_URL", "CI_PIPELINE_URL", "BUILD_URL", "BUILDKITE_BUILD_URL", "CIRCLE_BUILD_URL"]
            .compactMap { ci[$0] }
        if let server = ci["GITHUB_SERVER_URL"], let repository = ci["GITHUB_REPOSITORY"], let run = ci["GITHUB_RUN_ID"]
        {
            candidates.insert("\(server)/\(repository)/actions/runs/\(run)", at: 0)
        }
        return candidates.first { $0.hasPrefix("https://") || $0.hasPrefix("http://") }
    }

    /// Who started it, by the name that the CI system knows.
    package static func actor(_ ci: [String: String]) -> String? { ci["GITHUB_ACTOR"] ?? ci["GITLAB_USER_LOGIN"] }
}
