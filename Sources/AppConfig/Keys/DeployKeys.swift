import Model

extension KeyTable {
    /// Keys of deploys. `passenger deploy` also takes them under their short flag: `--bake` for `deploy.bake`.
    static let deployKeys: [ConfigKey] = sourceKeys + stepKeys + switchKeys

    private static let sourceKeys: [ConfigKey] = [
        ConfigKey(
            "deploy.repo", .app, .text("git@example.com:blog.git"), \.app.deploy.repo, by: .deploy,
            "Repository that is deployed"),
        ConfigKey(
            "deploy.source", .app, .oneOf(DeploySource.self), \.app.deploy.source, by: .deploy,
            "Where releases come from, and nowhere else (a repository, or an archive that a deploy names)"),
        ConfigKey(
            "deploy.branch", .app, .name("a branch's name", "main"), \.app.deploy.branch, by: .deploy,
            "Branch that is deployed (the remote's default)"),
        ConfigKey(
            "deploy.submodules", .app, .boolean, \.app.deploy.submodules, by: .deploy,
            "Submodules are fetched and are part of a release (on)"),
        ConfigKey(
            "deploy.lfs", .app, .boolean, \.app.deploy.lfs, by: .deploy,
            "Files that git-lfs keeps elsewhere are fetched with it (on); off leaves its pointer files as they are"),
        ConfigKey(
            "deploy.allow_symlinks", .app, .boolean, \.app.deploy.allowSymlinks, by: .deploy,
            "Symbolic links of the repository may lead out of the release"),
        ConfigKey(
            "deploy.keep_releases", .app, .integer(1...1000, 5), \.app.deploy.keepReleases, by: .deploy,
            "Releases that are kept on disk"),
        ConfigKey(
            "deploy.shared", .app,
            .list(of: .pathInApp("log"), expected: "a list of paths inside the app", example: "[log, storage]"),
            \.app.deploy.shared, by: .deploy, "Paths that all releases have in common"),
    ]

    private static let stepKeys: [ConfigKey] = [
        ConfigKey(
            "deploy.build", .app, .commands, \.app.deploy.build, by: .deploy,
            "Commands that make a release ready to run"),
        ConfigKey(
            "deploy.before_boot", .app, .commands, \.app.deploy.beforeBoot, by: .deploy,
            "Commands run once before a new generation boots: migrations"),
        ConfigKey(
            "deploy.before_switch", .app, .commands, \.app.deploy.beforeSwitch, by: .deploy,
            "Commands run when the new generation is healthy, right before it gets the traffic"),
        ConfigKey(
            "deploy.after_switch", .app, .commands, \.app.deploy.afterSwitch, by: .deploy,
            "Commands run when the new generation has the traffic"),
        ConfigKey(
            "deploy.after_stable", .app, .commands, \.app.deploy.afterStable, by: .deploy,
            "Commands run when the new generation has stood its watch"),
        ConfigKey(
            "deploy.after_drain", .app, .commands, \.app.deploy.afterDrain, by: .deploy,
            "Commands run when the last process of an old release is gone"),
        ConfigKey(
            "deploy.on_failure", .app, .commands, \.app.deploy.onFailure, by: .deploy,
            "Commands run when a deploy failed or was aborted before the switch"),
        ConfigKey(
            "deploy.on_rollback", .app, .commands, \.app.deploy.onRollback, by: .deploy,
            "Commands run when an older release has the traffic again"),
        ConfigKey(
            "deploy.irreversible", .app, .boolean, \.app.deploy.irreversible, by: .deploy,
            "The old version cannot live with what before_boot and before_switch do: no automatic rollback"),
        ConfigKey(
            "deploy.idempotent", .app, .boolean, \.app.deploy.idempotent, by: .deploy,
            "Hooks may be run again when it is not known how they ended"),
        ConfigKey(
            "deploy.hook_timeout", .app, .positiveDuration("30m"), \.app.deploy.hookTimeout, by: .deploy,
            "How long one build or hook command may take"),
    ]

    private static let switchKeys: [ConfigKey] = [
        ConfigKey(
            "deploy.drain_timeout", .app, .duration("10m"),
            by: .deploy, "How long requests of the old generation may take after a switch (max_request_time if set)",
            set: { draft, value in
                draft.app.deploy.drainTimeout = value
                draft.isDrainTimeoutSet = true
            }),
        ConfigKey(
            "deploy.stream_drain", .app, .duration("10m"), \.app.deploy.streamDrain, by: .deploy,
            "How long WebSockets and other streams of the old generation may go on after a switch"),
        ConfigKey(
            "deploy.asset_overlap", .app, .assetOverlap, by: .deploy,
            "Releases, and time, for which fingerprinted files of the past are still served",
            set: { draft, overlap in
                draft.app.http.files.assetOverlapReleases =
                    overlap.releases ?? draft.app.http.files.assetOverlapReleases
                draft.app.http.files.assetOverlapTime = overlap.time ?? draft.app.http.files.assetOverlapTime
            }),
        ConfigKey(
            "deploy.strategy", .app, .oneOf(DeployStrategy.self), \.app.deploy.strategy, by: .deploy,
            "How the traffic comes to the new version: all at once, in batches, a part first, or stop and start"),
        ConfigKey(
            "deploy.surge", .app, .surge, \.app.deploy.surge, by: .deploy,
            "Workers that a rolling deploy boots at a time beyond those that serve: a number, a percentage, or a size"),
        ConfigKey(
            "deploy.canary.percent", .app, .percentage("5%"), \.app.deploy.canary.percent, by: .deploy,
            "Part of the requests that a canary gets"),
        ConfigKey(
            "deploy.canary.for", .app, .positiveDuration("5m"), \.app.deploy.canary.time, by: .deploy,
            "How long a canary is compared with the old version before it gets all of the traffic"),
        ConfigKey(
            "deploy.approve", .app, .boolean, \.app.deploy.approve, by: .deploy,
            "The switch waits for a person: passenger deploys approve N"),
        ConfigKey(
            "deploy.database.connections", .app, .connections, \.app.deploy.database.connections, by: .deploy,
            "Connections that the database gives the app: a deploy warns when two versions at once may open more"),
        ConfigKey(
            "deploy.database.per_worker", .app, .integer(1...10_000, 5), \.app.deploy.database.perWorker, by: .deploy,
            "Connections that one worker opens at most: the size of its pool"),
        ConfigKey(
            "deploy.webhook.url", .app, .webhook, \.app.deploy.webhook.url, by: .deploy,
            "Where the result of a deploy or rollback is sent to, signed"),
        ConfigKey(
            "deploy.webhook.secret_variable", .app, .name("a variable's name", "DEPLOY_WEBHOOK_SECRET"),
            \.app.deploy.webhook.secretVariable, by: .deploy,
            "Variable of the app's environment (.env) with the secret that it is signed with"),
        ConfigKey(
            "deploy.bake", .app, .duration("30s"), \.app.deploy.bake, by: .deploy,
            "How long a new generation is watched after a switch"),
        ConfigKey(
            "deploy.auto_rollback.error_points", .app, .number(0...100, "5"),
            \.app.deploy.autoRollback.errorPoints, by: .deploy,
            "Percentage points of errors over the old generation's that switch back"),
        ConfigKey(
            "deploy.auto_rollback.min_requests", .app, .integer(1...1_000_000, 50),
            \.app.deploy.autoRollback.minRequests, by: .deploy, "Requests before a rate of errors means anything"),
        ConfigKey(
            "deploy.auto_rollback.latency_factor", .app, .latencyFactor, \.app.deploy.autoRollback.latencyFactor,
            by: .deploy, "Times as long as the old version's requests that switches back (none: it is only told)"),
        ConfigKey(
            "deploy.rollback_window", .app, .duration("15m"), \.app.deploy.rollbackWindow, by: .deploy,
            "How long the old generation is kept warm for a rollback"),
        ConfigKey(
            "deploy.standby_full", .app, .duration("5m"), \.app.deploy.standbyFull, by: .deploy,
            "How long it is kept at its full size"),
        ConfigKey(
            "deploy.standby_instances", .app, .integer(0...100_000, 1), \.app.deploy.standbyInstances, by: .deploy,
            "Workers that it keeps after that"),
    ]
}
