package import AdminAPI
import Model
import Telemetry

/// A report in Prometheus' form. What there is, is what stands here; nothing has labels that a stranger could make more of:
/// apps and listeners are the server file's, generations few, and the rest are words of this program.
package struct MetricsText {
    private struct Subject {
        var metrics: AppMetrics
        var labels: Labels
        var generations: [(metrics: GenerationMetrics, labels: Labels)]
    }

    private static let requestBuckets = BucketChoice(seconds: [
        0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60,
    ])
    private static let slowBuckets = BucketChoice(seconds: [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600])

    private let report: MetricsReport
    private let apps: [Subject]
    private var text = PrometheusText()

    package static func bytes(_ report: MetricsReport) -> [UInt8] {
        var writer = MetricsText(report)
        writer.writeServer()
        writer.writeRequests()
        writer.writeWorkers()
        writer.writeOperations()
        writer.writeGenerations()
        return writer.text.bytes
    }

    private init(_ report: MetricsReport) {
        self.report = report
        apps = report.apps.map { app in
            let labels = Labels("app", app.name.rawValue)
            return Subject(
                metrics: app, labels: labels,
                generations: app.generations.map { generation in
                    let number = labels.adding("generation", "\(generation.number.rawValue)")
                    return (generation, number.adding("release", generation.release))
                })
        }
    }

    // MARK: The server

    private mutating func writeServer() {
        text.begin("passenger_build_info", .gauge, "Version of the server; always 1.")
        text.sample(Labels("version", report.version), 1)
        guard let server = report.server else { return }
        text.begin(
            "passenger_core_restarts_total", .counter,
            "Cores that took the place of another one, after a crash or by an upgrade, since the server started.")
        text.sample(Labels(), max(0, report.core - 1))
        text.begin("passenger_connections", .gauge, "Client connections now.")
        for each in server.listeners { text.sample(Labels("listener", each.listener), each.open) }
        text.begin("passenger_connections_accepted_total", .counter, "Client connections that were accepted.")
        for each in server.listeners { text.sample(Labels("listener", each.listener), each.accepted) }
        text.begin(
            "passenger_connections_refused_total", .counter,
            "Client connections that were ended at once because there were max_connections.")
        text.sample(Labels(), server.connectionsRefused)
        text.begin(
            "passenger_unrouted_requests_total", .counter,
            "Requests of no app: malformed ones, unknown hosts, redirects to https.")
        write(server.unrouted, as: "status", Labels())
        server.process.map { writeProcess($0) }
    }

    /// Under the names that all Prometheus clients have for them.
    private mutating func writeProcess(_ process: ProcessMetrics) {
        text.begin("process_start_time_seconds", .gauge, "Start of the core process, in seconds since 1970.")
        text.sample(Labels(), process.startTimeSeconds)
        text.begin("process_cpu_seconds_total", .counter, "CPU time of the core process, user and system.")
        text.sample(Labels(), process.cpuSeconds)
        text.begin("process_resident_memory_bytes", .gauge, "Resident memory of the core process.")
        text.sample(Labels(), process.residentBytes)
        text.begin("process_virtual_memory_bytes", .gauge, "Virtual memory of the core process.")
        text.sample(Labels(), process.virtualBytes)
        text.begin("process_open_fds", .gauge, "Descriptors that the core process has open.")
        text.sample(Labels(), process.openFiles)
        text.begin("process_max_fds", .gauge, "Descriptors that the core process may have open.")
        text.sample(Labels(), process.maxFiles)
    }

    // MARK: Apps

    private mutating func writeRequests() {
        text.begin("passenger_requests_total", .counter, "Requests, by who answered and the class of the status.")
        for app in apps {
            for (source, answers) in app.metrics.answers.sorted(by: { $0.key < $1.key }) {
                write(answers, as: "status", app.labels.adding("source", source))
            }
        }
        text.begin(
            "passenger_request_duration_seconds", .histogram,
            "From the arrival of a request to the end of its answer, without streams.")
        for app in apps { text.sample(app.labels, app.metrics.duration, Self.requestBuckets) }
        text.begin(
            "passenger_queue_wait_seconds", .histogram,
            "How long requests waited for a worker, those too that did not wait.")
        for app in apps { text.sample(app.labels, app.metrics.queueWait, Self.requestBuckets) }
        text.begin("passenger_request_body_bytes_total", .counter, "Bytes of requests' bodies.")
        for app in apps { text.sample(app.labels, app.metrics.requestBytes) }
        text.begin("passenger_response_body_bytes_total", .counter, "Bytes of answers' bodies.")
        for app in apps { text.sample(app.labels, app.metrics.answerBytes) }
        text.begin(
            "passenger_requests_refused_total", .counter,
            "Requests that the server answered itself before a worker had them, by reason.")
        for app in apps { write(app.metrics.refused, as: "reason", app.labels) }
        text.begin(
            "passenger_requests_failed_total", .counter,
            "Requests that the server answered itself, or broke off, because of a worker, by reason.")
        for app in apps { write(app.metrics.failed, as: "reason", app.labels) }
        text.begin("passenger_queue_length", .gauge, "Requests that wait for a worker.")
        for app in apps { text.sample(app.labels, app.metrics.queueLength) }
        text.begin("passenger_queue_limit", .gauge, "Requests that may wait for a worker; 0 is no limit.")
        for app in apps { text.sample(app.labels, app.metrics.queueLimit) }
        text.begin("passenger_app_paused", .gauge, "1 while requests are held by 'passenger pause'.")
        for app in apps { text.sample(app.labels, app.metrics.isPaused ? 1 : 0) }
    }

    private mutating func writeWorkers() {
        text.begin("passenger_worker_spawns_total", .counter, "Workers that were started, by result.")
        for app in apps {
            text.sample(app.labels.adding("result", "ready"), app.metrics.spawned)
            text.sample(app.labels.adding("result", "failed"), app.metrics.spawnFailures)
        }
        text.begin(
            "passenger_worker_spawn_duration_seconds", .histogram,
            "From the start of a worker to its proof that it serves.")
        for app in apps { text.sample(app.labels, app.metrics.spawnDuration, Self.slowBuckets) }
        text.begin(
            "passenger_worker_crashes_total", .counter, "Workers that died by themselves while they could serve.")
        for app in apps { text.sample(app.labels, app.metrics.crashes) }
        text.begin("passenger_worker_replacements_total", .counter, "Workers that were to be replaced, by reason.")
        for app in apps { write(app.metrics.replaced, as: "reason", app.labels) }
    }

    private mutating func writeOperations() {
        text.begin("passenger_switches_total", .counter, "How often the traffic went to another generation.")
        for app in apps { text.sample(app.labels, app.metrics.switches) }
        text.begin(
            "passenger_drain_duration_seconds", .histogram,
            "From the beginning of a generation's drain to the end of its last worker.")
        for app in apps { text.sample(app.labels, app.metrics.drainDuration, Self.slowBuckets) }
        text.begin(
            "passenger_drain_cut_requests_total", .counter,
            "Requests and streams that were cut because a drain's time was over.")
        for app in apps { text.sample(app.labels, app.metrics.cutRequests) }
        text.begin("passenger_deploys_total", .counter, "Deploys that ended, by result.")
        for app in apps { write(app.metrics.deploys, as: "result", app.labels) }
        text.begin("passenger_rollbacks_total", .counter, "Rollbacks by hand that ended, by result.")
        for app in apps { write(app.metrics.rollbacks, as: "result", app.labels) }
        text.begin("passenger_restarts_total", .counter, "Restarts that ended, by result.")
        for app in apps { write(app.metrics.restarts, as: "result", app.labels) }
    }

    // MARK: Generations

    private mutating func writeGenerations() {
        text.begin(
            "passenger_generation_info", .gauge, "A generation and what it is at: always 1, under one state at a time.")
        forEachGeneration { text, generation, labels in
            text.sample(labels.adding("state", generation.state.rawValue), 1)
        }
        text.begin(
            "passenger_generation_requests_total", .counter,
            "Requests that workers of the generation had, by the class of the status.")
        forEachGeneration { text, generation, labels in
            for (status, count) in generation.answers.sorted(by: { $0.key < $1.key }) {
                text.sample(labels.adding("status", status), count)
            }
        }
        text.begin(
            "passenger_generation_request_duration_seconds", .histogram,
            "From the arrival of a request that a worker of the generation had to the end of its answer.")
        forEachGeneration { text, generation, labels in
            text.sample(labels, generation.duration, Self.requestBuckets)
        }
        text.begin("passenger_generation_requests_in_progress", .gauge, "Requests that its workers are at.")
        forEachGeneration { text, generation, labels in text.sample(labels, generation.requestsNow) }
        text.begin(
            "passenger_generation_streams", .gauge, "WebSockets and other connections without an end in sight.")
        forEachGeneration { text, generation, labels in text.sample(labels, generation.streamsNow) }
        text.begin("passenger_generation_workers", .gauge, "Workers, by state.")
        forEachGeneration { text, generation, labels in
            for (state, count) in generation.workers.sorted(by: { $0.key < $1.key }) {
                text.sample(labels.adding("state", state), count)
            }
        }
        text.begin("passenger_generation_workers_wanted", .gauge, "Workers that the generation is kept at.")
        forEachGeneration { text, generation, labels in text.sample(labels, generation.target) }
        writeGenerationResources()
    }

    private mutating func writeGenerationResources() {
        text.begin(
            "passenger_generation_memory_bytes", .gauge,
            "Memory of its workers: private (nobody else has it), shared, pss (private, and its share of what is shared), swap."
        )
        forEachGeneration { text, generation, labels in
            guard let memory = generation.memory else { return }
            text.sample(labels.adding("kind", "private"), memory.privateBytes)
            text.sample(labels.adding("kind", "shared"), memory.sharedBytes)
            text.sample(labels.adding("kind", "pss"), memory.pssBytes)
            text.sample(labels.adding("kind", "swap"), memory.swapBytes)
        }
        text.begin("passenger_generation_cpu_seconds_total", .counter, "CPU time of its workers, user and system.")
        forEachGeneration { text, generation, labels in
            if let seconds = generation.cpuSeconds { text.sample(labels, seconds) }
        }
        text.begin("passenger_generation_age_seconds", .gauge, "How long ago the generation was made.")
        forEachGeneration { text, generation, labels in text.sample(labels, generation.ageSeconds) }
    }

    private mutating func forEachGeneration(_ write: (inout PrometheusText, GenerationMetrics, Labels) -> Void) {
        for app in apps {
            for (generation, labels) in app.generations { write(&text, generation, labels) }
        }
    }

    private mutating func write(_ counts: [String: UInt64], as label: StaticString, _ labels: Labels) {
        for (value, count) in counts.sorted(by: { $0.key < $1.key }) {
            text.sample(labels.adding(label, value), count)
        }
    }
}
