import AppConfig
import Deploys
import Foundation
import Model
import Spawning
import Webhooks

/// `Notifying` over `passenger _notify`, as the deploy user.
struct NotifyClient: Notifying {
    let tools: Tools
    let app: AppPlan
    /// The app's own variables: the secret is one of them.
    let environment: @Sendable () -> [String: String]

    func notify(_ call: WebhookCall) async throws(DeployFailure) {
        guard let secret = environment()[call.secretName], !secret.isEmpty else {
            throw DeployFailure(
                .configuration, "\(call.secretName) is not set, and nothing is sent unsigned",
                hint: "passenger env set \(call.secretName)=…")
        }
        let order = WebhookOrder(url: call.url, body: call.body, secret: secret)
        // Encoding strings cannot fail.
        let text = (try? JSONEncoder().encode(order)).map { String(decoding: $0, as: UTF8.self) + "\n" } ?? ""
        let reason = Shared("")
        let end = await withCheckedContinuation { (done: CheckedContinuation<ToolEnd, Never>) in
            let tool = tools.start(
                .tool, ["_notify"], user: app.users.deploys, title: "\(app.name) webhook", niceness: Tools.background,
                line: { _, line in reason.withLock { $0 = String(line.prefix(500)) } },
                ended: { done.resume(returning: $0) })
            tool.write(text)
            tool.closeInput()
        }
        if end.isSuccess { return }
        let said = reason.withLock { $0 }
        throw DeployFailure(.commandFailed, said.isEmpty ? "\(end)" : said)
    }
}
