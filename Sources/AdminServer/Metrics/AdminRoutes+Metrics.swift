import AdminAPI
import HTTPTypes
import Hummingbird
import Model
import NIOCore
import Telemetry

extension AdminRoutes {
    func addMetricsRoutes(_ router: some RouterMethods<AdminContext>) {
        router.get("metrics") { request, _ in
            let report = try await seenMetrics(request)
            return Response(
                status: .ok, headers: [.contentType: PrometheusText.contentType],
                body: .init(byteBuffer: ByteBuffer(bytes: MetricsText.bytes(report))))
        }
        router.get("metrics.json") { request, _ in try json(await seenMetrics(request)) }
    }

    /// What the caller may see; with `?app=NAME` of that app alone.
    private func seenMetrics(_ request: Request) async throws -> MetricsReport {
        var report = await controlPlane.metrics()
        if standing != .all { report.server = nil }
        report.apps.removeAll { !standing.allows(.view, $0.name) }
        guard let name = request.uri.queryParameters["app"] else { return report }
        report.server = nil
        report.apps.removeAll { $0.name.rawValue != String(name) }
        guard !report.apps.isEmpty else { throw ControlError(.unknownApp, "There is no app \"\(name)\".") }
        return report
    }
}
