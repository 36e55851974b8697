package import Domain
package import Logging
package import Queue
import Synchronization
package import Upstream

/// What a worker works with.
package final class WorkerServices: Sendable {
    let configuration: WorkerConfiguration
    let store: any JobStore
    let gateway: any UpstreamGateway
    let prices: PriceBook
    let wall: any WallClock
    let logger: Logger
    let random: Mutex<any RandomNumberGenerator & Sendable>
    private let clock: any Clock<Duration>

    package init(
        configuration: WorkerConfiguration, store: any JobStore, gateway: any UpstreamGateway, prices: PriceBook,
        clock: any Clock<Duration>, wall: any WallClock, logger: Logger,
        random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.configuration = configuration
        self.store = store
        self.gateway = gateway
        self.prices = prices
        self.clock = clock
        self.wall = wall
        self.logger = logger
        self.random = Mutex(random)
    }

    /// Returns after `duration`, or at once when the task is cancelled.
    func sleep(_ duration: Duration) async {
        try? await clock.sleep(for: duration)
    }
}
