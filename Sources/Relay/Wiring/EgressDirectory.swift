import Domain
import Logging
import Queue
import ServiceLifecycle
import Upstream

/// Keeps the Gateway's paths in step with what operators and other processes have decided: which are out. Follows the
/// store within a second, so that `relay egress` works while the service runs.
struct EgressDirectory: Service {
    let store: any EgressStore
    let gateway: Gateway<ContinuousClock>
    let logger: Logger

    func run() async throws {
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            await refresh()
            await rest(for: .seconds(1))
        }
    }

    /// Reads the store once; if it cannot be read, what is known stays.
    func refresh() async {
        guard let outages = try? await store.egressOutages() else { return }
        gateway.adopt(Dictionary(outages.map { ($0.path, $0.reason) }) { first, _ in first })
    }
}

/// Probes the paths until the process stops.
struct EgressProbing: Service {
    let prober: EgressProber<ContinuousClock>

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var random = SystemRandomNumberGenerator()
            await prober.run(using: &random)
        }
    }
}
