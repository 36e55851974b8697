import Domain
import Logging
import Queue
import ServiceLifecycle
import Telemetry

/// Keeps the leases of the attempts under way alive, and stops the attempts whose lease is lost or whose job is
/// cancelled. Goes on until the last attempt has ended.
struct LeaseRenewer: Service {
    /// Until the next try after one that failed.
    private static let retryInterval = Duration.seconds(1)
    private let services: WorkerServices
    private let registry: AttemptRegistry

    init(services: WorkerServices, registry: AttemptRegistry) {
        self.services = services
        self.registry = registry
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var seen = services.store.changeCount(.cancels)
            var pause = services.configuration.lease / 3
            while !Task.isCancelled {
                // Renewing also tells which jobs are to be cancelled.
                await services.store.waitForChange(.cancels, since: seen, upTo: pause)
                seen = services.store.changeCount(.cancels)
                let isDone = await renew()
                pause = isDone ? services.configuration.lease / 3 : min(Self.retryInterval, pause)
            }
        }
    }

    /// Renews once. - Returns: whether the store has answered.
    @discardableResult
    func renew() async -> Bool {
        let leases = registry.leases
        guard !leases.isEmpty else { return true }
        do {
            let answers = try await services.store.renew(
                leases, at: services.wall.now(), for: services.configuration.lease)
            for (lease, answer) in zip(leases, answers) {
                switch answer {
                case .renewed: break
                case .cancelRequested: registry.stop(lease, because: .canceled)
                case .lost: registry.stop(lease, because: .leaseLost)
                }
            }
            return true
        } catch {
            services.logger.error("leases not renewed; trying again", metadata: [LogKey.error: "\(error)"])
            return false
        }
    }
}
