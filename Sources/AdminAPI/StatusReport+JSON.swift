import Model

extension StatusReport {
    /// As `WireJSON` would write it, in a small part of the time.
    package func json() -> [UInt8] {
        let workers = apps.reduce(0) { $0 + $1.generations.reduce(0) { $0 + $1.workers.count } }
        var writer = JSONWriter(capacity: 1024 * (apps.count + workers / 2 + 2))
        write(to: &writer)
        return writer.bytes
    }

    /// Of what a server wrote.
    package init(json: [UInt8]) throws { self = try WireJSON.decodeNames(StatusReport.self, from: json) }
}

extension StatusReport: JSONObject {
    func writeMembers(to json: inout JSONWriter) {
        json.member("apps", apps)
        json.member("server", server)
    }
}

extension ServerStatus: JSONObject {
    func writeMembers(to json: inout JSONWriter) {
        json.member("admin_address", adminAddress)
        json.member("control_groups", controlGroups)
        json.member("core_pid", corePid)
        json.member("instance", instance)
        json.member("listeners", listeners)
        json.member("max_pool_size", maxPoolSize)
        json.member("started_at", startedAt)
        json.member("supervisor_pid", supervisorPid)
        json.member("uptime_seconds", uptimeSeconds)
        json.member("version", version)
        json.member("warnings", warnings)
    }
}

extension AppStatus: JSONObject {
    func writeMembers(to json: inout JSONWriter) {
        json.member("companions", companions)
        json.member("environment", environment)
        json.member("generations", generations)
        json.member("is_started", isStarted)
        json.member("kind", kind)
        json.member("last_failure", lastFailure)
        json.member("live_release", liveRelease)
        json.member("lock", lock)
        json.member("mode", mode)
        json.member("name", name.rawValue)
        json.member("operation", operation)
        json.member("paused_since", pausedSince)
        json.member("queue", queue)
        json.member("root", root)
        json.member("scale", scale)
        json.member("warnings", warnings)
    }
}

extension GenerationStatus: JSONObject {
    func writeMembers(to json: inout JSONWriter) {
        json.member("control_group", controlGroup)
        json.member("drain", drain)
        json.member("memory", memory)
        json.member("number", number.rawValue)
        json.member("preloader", preloader)
        json.member("release", release)
        json.member("state", state)
        json.member("target", target)
        json.member("workers", workers)
    }
}

extension WorkerStatus: JSONObject {
    func writeMembers(to json: inout JSONWriter) {
        json.member("age_seconds", ageSeconds)
        json.member("concurrency", concurrency)
        json.member("idle_seconds", idleSeconds)
        json.member("last_error", lastError)
        json.member("memory", memory)
        json.member("number", number.rawValue)
        json.member("pid", pid)
        json.member("requests_now", requestsNow)
        json.member("requests_total", requestsTotal)
        json.member("state", state)
        json.member("step", step)
    }
}

extension MemoryStatus: JSONObject {
    func writeMembers(to json: inout JSONWriter) {
        json.member("is_exact", isExact)
        json.member("private_bytes", privateBytes)
        json.member("processes", processes)
        json.member("pss_bytes", pssBytes)
        json.member("shared_bytes", sharedBytes)
        json.member("swap_bytes", swapBytes)
    }
}

extension ControlGroupStatus: JSONObject {
    func writeMembers(to json: inout JSONWriter) {
        json.member("cpu_seconds", cpuSeconds)
        json.member("memory_bytes", memoryBytes)
        json.member("path", path)
    }
}

extension DrainStatus: JSONObject {
    func writeMembers(to json: inout JSONWriter) {
        json.member("requests", requests)
        json.member("requests_end_in_seconds", requestsEndInSeconds)
        json.member("streams", streams)
        json.member("streams_end_in_seconds", streamsEndInSeconds)
    }
}

extension PreloaderStatus: JSONObject {
    func writeMembers(to json: inout JSONWriter) {
        json.member("pid", pid)
        json.member("reason", reason)
        json.member("state", state)
    }
}

extension CompanionStatus: JSONObject {
    func writeMembers(to json: inout JSONWriter) {
        json.member("age_seconds", ageSeconds)
        json.member("is_failing", isFailing)
        json.member("last_error", lastError)
        json.member("name", name)
        json.member("pid", pid)
        json.member("release", release)
        json.member("restarts", restarts)
        json.member("state", state)
    }
}

extension QueueStatus: JSONObject {
    func writeMembers(to json: inout JSONWriter) {
        json.member("length", length)
        json.member("max", max)
    }
}

extension OperationStatus: JSONObject {
    func writeMembers(to json: inout JSONWriter) {
        json.member("by", by)
        json.member("deploy", deploy?.rawValue)
        json.member("kind", kind)
        json.member("operation", operation.rawValue)
        json.member("since", since)
        json.member("step", step)
    }
}

extension LockStatus: JSONObject {
    func writeMembers(to json: inout JSONWriter) {
        json.member("by", by)
        json.member("message", message)
        json.member("since", since)
    }
}

extension FailureReport: JSONObject {
    func writeMembers(to json: inout JSONWriter) {
        json.member("at", at)
        json.member("code", code)
        json.member("details", details)
        json.member("exit", exit)
        json.member("hint", hint)
        json.member("output_tail", outputTail)
        json.member("step", step)
        json.member("summary", summary)
    }
}
