/// Tells a webhook how an operation ended. The core implements it over `passenger _notify`, which runs as the deploy user: an
/// app's webhook reaches what its hooks could reach, and no more.
package struct WebhookCall: Sendable, Equatable {
    /// http or https.
    package var url: String
    /// Name of the variable of the app's environment that holds the secret it is signed with.
    package var secretName: String
    /// JSON.
    package var body: String
    package init(url: String, secretName: String, body: String) {
        self.url = url
        self.secretName = secretName
        self.body = body
    }
}

package protocol Notifying: Sendable {
    /// Returns within a minute; never decides anything.
    func notify(_ call: WebhookCall) async throws(DeployFailure)
}
