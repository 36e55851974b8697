import Domain
import Logging
import Queue
import ServiceLifecycle
import Telemetry

/// Keeps the leases of the attempts under way alive, and stops the attempts whose lease is lost or whose job is
/// cancelled. Goes on until the last attempt has ended.
struct LeaseRenewer: Service {
    private let services: WorkerServices
    private let registry: AttemptRegistry

    init(services: WorkerServices, registry: AttemptRegistry) {
        self.services = services
        self.registry = registry
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var seen = services.store.changeCount(.cancels)
            while !Task.isCancelled {
                // Renewing also tells which jobs are to be cancelled.
                await services.store.waitForChange(.cancels, since: seen, upTo: services.configuration.lease / 3)
                seen = services.store.changeCount(.cancels)
                await renew()
            }
        }
    }

    /// Renews once.
    func renew() async {
        let leases = registry.leases
        guard !leases.isEmpty else { return }
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
        } catch {
            services.logger.error("leases not renewed; trying again", metadata: [LogKey.error: "\(error)"])
        }
    }
}
