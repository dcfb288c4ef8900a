extension AppOperations {
    /// A restart, if a generation that is made now would be another than the live one; nil when not.
    package func restartIfChanged(_ request: RestartRequest) async throws(OperationRefusal) -> OperationHandle? {
        await loadOnce()
        guard parts.host != nil, let code = live else { return nil }
        let wanted: SettingsPreview
        do throws(DeployFailure) {
            wanted = try await parts.settings.preview(release: code.release)
        } catch { throw .invalid(error) }
        let isSame = wanted.settings == code.settings && !wanted.changesVariables && live == code
        return isSame ? nil : try await restart(request)
    }
}
