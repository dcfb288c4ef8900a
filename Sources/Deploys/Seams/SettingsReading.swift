package import Model

/// Reads an app's configuration as it is now. The core implements it over `passenger _inspect`, a child that runs as the
/// app's user.
package protocol SettingsReading: Sendable {
    /// `release` nil: the app in place. A problem in the configuration is thrown with code `.configuration`, its text
    /// naming file, line and column.
    func settings(release: ReleaseLocation?) async throws(DeployFailure) -> AppSettings
    /// What `settings` would say now. Nothing is kept of it.
    func preview(release: ReleaseLocation?) async throws(DeployFailure) -> SettingsPreview
    /// The deploy root's own settings, before there is a release: `deploy.repo`, `deploy.branch`.
    func deploySettings() async throws(DeployFailure) -> DeploySettings
    /// What must not be shown or kept: what the app's env file held, whenever it was read.
    var mask: SecretMask { get }
}

package struct SettingsPreview: Sendable, Equatable {
    package var settings: AppSettings
    /// The env file says something else than when it was last read.
    package var changesVariables: Bool
    package init(settings: AppSettings, changesVariables: Bool) {
        self.settings = settings
        self.changesVariables = changesVariables
    }
}
