import API
import Domain
import Logging
import Queue
import ServiceLifecycle
import Telemetry

/// Keeps the API in step with what operators have set for tenants, tells the store what calls have used, and keeps alive
/// what they have reserved. Once a second, so that `relay tenants` works while the service runs.
struct TenantUpkeep: Service {
    /// Rounds between two renewals; a reservation lives for longer than three of them.
    private static let renewal = 15
    private static let life = Duration.seconds(60)
    let directory: TenantDirectory
    let store: any TenantStore
    let holder: String
    let logger: Logger

    func run() async throws {
        var rounds = 0
        while !Task.isCancelled {
            await step(renews: rounds % Self.renewal == 0)
            rounds += 1
            if Task.isShuttingDownGracefully { return }
            await rest(for: .seconds(1))
        }
    }

    private func step(renews: Bool) async {
        do {
            try await directory.synchronize()
            if renews { try await store.renewCalls(of: holder, for: Self.life, at: SystemClock().now()) }
        } catch {
            logger.error(
                "limits of tenants could not be read, or usage not written; trying again",
                metadata: [LogKey.error: "\(error)"])
        }
    }
}
