package import Model
package import Pool

/// Processes that an earlier core started, and what the next one has to know to go on with them.
extension WorkerSpawner {
    /// A worker that serves already. Returns what has to be called once the pool knows it: from then on its output is read, and
    /// its end is heard, even if that is past.
    package func adopt(
        _ worker: WorkerNumber, generation: GenerationNumber, spec: GenerationSpec, speaking wire: WorkerProtocol,
        _ child: InheritedChild
    ) -> @Sendable () -> Void {
        let process = makeProcess(worker, generation, spec)
        process.adopt(child.entry.tag, wire)
        keep(process)
        return { child.take(by: process) }
    }

    /// A preloader that can be asked for workers.
    package func adoptPreloader(_ generation: GenerationNumber, _ spec: GenerationSpec, _ child: InheritedChild) {
        preloader(of: generation, spec).adopt(child)
    }

    /// Of workers that have a process.
    package func workerMarks() -> [WorkerNumber: ProcessMark] { processes.compactMapValues(\.mark) }

    /// The tag of a worker's process.
    package func workerTags() -> [WorkerNumber: ChildTag] { processes.compactMapValues(\.tag) }

    /// Another core reads what they write from now on, and hears the rest.
    package func handOver(_ workers: Set<WorkerNumber>) {
        for (number, process) in processes where workers.contains(number) { process.stopReading() }
    }

    package func preloaderTag(_ generation: GenerationNumber, of app: AppName) -> ChildTag? {
        knownPreloader(of: generation, app)?.tag
    }

    package func handOverPreloader(_ generation: GenerationNumber, of app: AppName) {
        knownPreloader(of: generation, app)?.stopReading()
    }

    /// Of the one that can be asked for workers now.
    package func preloaderMark(_ generation: GenerationNumber, of app: AppName) -> ProcessMark? {
        knownPreloader(of: generation, app)?.mark
    }
}
