import Domain
import Logging
import Queue
import ServiceLifecycle
import Telemetry
import Upstream

/// Keeps the Gateway's paths in step with what operators and other processes have decided: which are out. Follows the
/// store within a second, so that `relay egress` works while the service runs, and tells it of regions that were refused here.
struct EgressDirectory: Service {
    let store: any EgressStore
    let gateway: Gateway<ContinuousClock>
    let logger: Logger

    func run() async throws {
        var isFailing = false
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            await tell(isFailing: &isFailing)
            await refresh()
            await rest(for: .seconds(1))
        }
        await tell(isFailing: &isFailing)
    }

    /// Reads the store once; if it cannot be read, what is known stays.
    func refresh() async {
        guard let outages = try? await store.egressOutages() else { return }
        gateway.adopt(Dictionary(outages.map { ($0.path, $0.reason) }) { first, _ in first })
    }

    /// Records the paths that only this process knows to be out.
    ///
    /// - Parameter isFailing: whether that failed the last time, too: the log hears of it once.
    func tell(isFailing: inout Bool) async {
        do {
            try await record()
            isFailing = false
        } catch {
            let words = "the outage of an egress path could not be recorded; this process keeps it out, and tries again"
            if !isFailing { logger.error("\(words)", metadata: [LogKey.error: "\(error)"]) }
            isFailing = true
        }
    }

    private func record() async throws(JobStoreError) {
        for path in gateway.unrecordedOutages {
            let note = "the upstream refused its region"
            try await store.takeOut(
                EgressOutage(path: path, reason: .regionRefused, note: note, since: SystemClock().now()))
            gateway.recordedOutage(of: path)
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
