import AdminAPI

extension RequestOrigin {
    /// Variables by which CI systems name a run; written into the journal, so that a deploy leads back to its pipeline.
    private static let pipelineVariables = [
        "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_ACTOR", "CI_PIPELINE_URL", "CI_JOB_URL",
        "GITLAB_USER_LOGIN", "BUILD_URL", "BUILDKITE_BUILD_URL", "CIRCLE_BUILD_URL",
    ]

    init(command: String, environment: [String: String]) {
        let found = RequestOrigin.pipelineVariables.compactMap { name in
            environment[name].flatMap { $0.isEmpty ? nil : (name, $0) }
        }
        self.init(command: command, ci: Dictionary(uniqueKeysWithValues: found))
    }
}
