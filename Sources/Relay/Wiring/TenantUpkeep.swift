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

    func step(renews: Bool) async {
        if renews {
            await trying("what calls under way have reserved could not be renewed") { () throws(JobStoreError) in
                try await directory.renewCalls(of: holder, for: Self.life, at: SystemClock().now())
            }
        }
        await trying("limits of tenants could not be read, or usage not written") { () throws(JobStoreError) in
            try await directory.synchronize()
        }
    }

    private func trying(_ trouble: String, _ work: () async throws(JobStoreError) -> Void) async {
        do {
            try await work()
        } catch {
            logger.error("\(trouble); trying again", metadata: [LogKey.error: "\(error)"])
        }
    }
}
