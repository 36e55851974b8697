import Domain
import Metrics
import Queue
import Telemetry

/// What `/metrics` says of the queue: looked up when it is asked for, so that it costs nothing in between.
struct StoreGauges: Sendable {
    let store: any JobStore

    func record(at now: Timestamp) async throws(JobStoreError) {
        for (state, count) in try await store.counts(of: nil) {
            gauge(MetricName.jobs, [(MetricLabel.state, state.rawValue)], count)
        }
        for (state, count) in try await store.deliveryCounts() {
            gauge(MetricName.keptDeliveries, [(MetricLabel.state, state.rawValue)], count)
        }
        let receivers = try await store.laneCounts(at: now)
        for state in EndpointHealth.State.allCases {
            gauge(MetricName.receivers, [(MetricLabel.state, state.rawValue)], receivers[state] ?? 0)
        }
        let usage = try await store.usage()
        gauge(MetricName.storeBytes, [(MetricLabel.part, "file")], usage.fileBytes)
        gauge(MetricName.storeBytes, [(MetricLabel.part, "free")], usage.freeBytes)
        gauge(MetricName.storeBytes, [(MetricLabel.part, "log")], usage.logBytes)
        let longest = try await store.tenants(at: now).compactMap(\.waiting).max()
        Gauge(label: MetricName.longestWait).record(longest?.seconds ?? 0)
    }

    private func gauge(_ name: String, _ labels: [(String, String)], _ value: Int) {
        Gauge(label: name, dimensions: labels).record(value)
    }
}
