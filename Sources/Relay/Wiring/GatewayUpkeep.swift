import ServiceLifecycle
import Upstream

/// Keeps the Gateway in step with the other processes of the store until the process stops.
struct GatewayUpkeep: Service {
    let gateway: Gateway<ContinuousClock>

    func run() async throws {
        await cancelWhenGracefulShutdown { await gateway.keepInStep() }
    }
}
