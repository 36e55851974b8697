package import ServiceLifecycle

/// The services of one worker process, in the order in which a shutdown must end them: the last one first.
package enum WorkerPool {
    /// They share one register of the attempts under way.
    package static func services(_ services: WorkerServices) -> [any Service] {
        let registry = AttemptRegistry()
        return [
            RetentionSweeper(services: services),
            BatchMover(services: services),
            LeaseReaper(services: services),
            LeaseRenewer(services: services, registry: registry),
            DrainLoop(services: services, registry: registry),
        ]
    }
}
