import AdminAPI
import Model

/// All that the page shows, at one moment.
struct DashboardState: Sendable {
    var report: StatusReport
    var figures: [TrafficHistory.Key: TrafficHistory.Figures]
    /// Newest first, the last few of each app.
    var deploys: [AppName: [DeploySummary]] = [:]
    /// Steps of the deploys that run now.
    var running: [AppName: DeployDetail] = [:]
    static let shownDeploys = 8
}
