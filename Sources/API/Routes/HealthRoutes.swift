import Domain
import HTTPTypes
import Metrics
import Queue
import Telemetry
import Upstream

/// `/healthz`, `/readyz` and `/metrics`: for machines that watch the relay, without a credential.
struct HealthRoutes: Sendable {
    private let services: APIServices
    private let gateway: GatewayGauges

    init(services: APIServices) {
        self.services = services
        self.gateway = GatewayGauges(gateway: services.gateway)
    }

    var all: [Route] {
        [
            Route("GET", "/healthz", scope: nil) { _ in .json(Array(#"{"status":"alive"}"#.utf8)) },
            Route("GET", "/readyz", scope: nil) { _ in try await readiness() },
            Route("GET", "/metrics", scope: nil) { _ in await metrics() },
        ]
    }

    /// A store that cannot be read must not hide the other figures: its own are then the last known.
    private func metrics() async -> Answer {
        gateway.record(at: services.wall.now())
        let isRead: Double
        do throws(JobStoreError) {
            try await StoreGauges(store: services.store).record(at: services.wall.now())
            isRead = 1
        } catch {
            isRead = 0
        }
        Gauge(label: MetricName.storeReadable).record(isRead)
        Gauge(label: MetricName.keyringKnown).record(services.keyringTrouble() == nil ? 1 : 0)
        let type = "text/plain; version=0.0.4; charset=utf-8"
        return .full(status: 200, headers: OwnHeaders.with(contentType: type), body: Array(services.metricsText().utf8))
    }

    private func readiness() async throws -> Answer {
        guard !services.readiness.isDraining else {
            throw RelayError(
                .shuttingDown, "The relay is shutting down.", remedy: "Send requests to another instance.",
                retryAfter: .seconds(5))
        }
        try await services.store.reading { store throws(JobStoreError) in try await store.checkHealth() }
        try checkKeyring()
        guard !services.keyring.keys().isEmpty else {
            throw RelayError(
                .noUpstreamKey, "The relay has no upstream key.", remedy: "Add one with relay keys add NAME.")
        }
        return .json(Array(#"{"status":"ready"}"#.utf8))
    }

    /// Who asks needs no credential: which keys they are is for the log. While a key service is down what is known goes on
    /// to serve, and no other process could do better.
    private func checkKeyring() throws(RelayError) {
        guard let trouble = services.keyringTrouble(), trouble.code != .keyServiceUnavailable else { return }
        throw RelayError(
            .storeUnavailable,
            "The relay's master key does not open the store's present keyring (\(trouble.code.rawValue)): the keys were "
                + "changed, and this process cannot follow.",
            remedy: "See the relay's log and relay vault status; give it the key that they name (vault.master_key), "
                + "then restart it.")
    }
}
