import Domain
import Logging
import Queue
import ServiceLifecycle
import Telemetry
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
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(1)) }
        }
    }

    /// Reads the store once; if it cannot be read, what is known stays.
    func refresh() async {
        guard let outages = try? await store.egressOutages() else { return }
        gateway.adopt(Dictionary(outages.map { ($0.path, $0.reason) }) { first, _ in first })
    }

    /// Remembers that the provider refuses the region of `path`, and alerts.
    static func regionRefused(_ path: String, in store: any EgressStore, logger: Logger) async {
        logger.error(
            "the upstream refuses the region of an egress path; it is out until relay egress enable",
            metadata: [LogKey.egress: "\(path)"])
        let note = "the upstream refused its region"
        let outage = EgressOutage(path: path, reason: .regionRefused, note: note, since: SystemClock().now())
        do {
            try await store.takeOut(outage)
        } catch {
            logger.error("that could not be recorded", metadata: [LogKey.error: "\(error)"])
        }
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
