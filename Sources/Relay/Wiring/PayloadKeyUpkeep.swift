import Domain
import Logging
import Queue
import ServiceLifecycle
import Telemetry

/// Has this process let go of tenants' data keys that were dropped, by whichever process, within a second.
struct PayloadKeyUpkeep: Service {
    let store: any ErasureStore
    let logger: Logger

    func run() async throws {
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            do {
                try await store.forgetDroppedKeys()
            } catch {
                logger.error("dropped data keys could not be looked for", metadata: [LogKey.error: "\(error)"])
            }
            await rest(for: .seconds(1))
        }
    }
}
