import Foundation
import Model
import Pool

/// What a webhook is sent.
private struct WebhookBody: Encodable {
    var event: String
    var app: String
    var result: String
    var summary: String
    var deploy: Int?
    var live: String?
    var revision: String?
    var ref: String?
    var subject: String?
    var by: String
    var at: String
}

extension AppOperations {
    /// Of deploys and rollbacks, once they are over. A restart is nobody's news.
    func followWithWebhook(_ outcome: OperationOutcome, _ run: OperationRun) {
        guard let notifier = parts.notifier, !isShuttingDown, run.ticket.request.kind != .restart,
            outcome.result != .pending, outcome.result != .interrupted
        else { return }
        guard let settings = (run.settings ?? live?.settings)?.deploy, let url = settings.webhook.url else { return }
        let requester = run.ticket.request.requester
        let body = WebhookBody(
            event: run.ticket.request.kind.rawValue, app: app.rawValue, result: outcome.result.name,
            summary: outcome.summary, deploy: outcome.deploy?.rawValue, live: outcome.liveRelease,
            revision: live?.release?.label.revision, ref: run.commit?.ref, subject: run.commit?.subject,
            by: requester.user ?? "uid \(requester.uid)", at: parts.date().formatted(.iso8601))
        guard let json = try? StateJSON.encoder().encode(body) else { return }  // text and numbers always have a form
        let call = WebhookCall(
            url: url, secretName: settings.webhook.secretVariable, body: String(decoding: json, as: UTF8.self))
        enqueue(
            Hook(
                step: .webhook, operation: run.ticket.number, deploy: run.deploy, log: run.ticket.log,
                work: { _ throws(DeployFailure) in try await notifier.notify(call) }))
    }
}
