import Synchronization

/// The API's configuration, whose limits of requests change while it runs.
final class LiveConfiguration: Sendable {
    private let state: Mutex<APIConfiguration>

    init(_ configuration: APIConfiguration) {
        state = Mutex(configuration)
    }

    var current: APIConfiguration { state.withLock { $0 } }

    func adopt(_ limits: RequestLimits) {
        state.withLock { $0.limits = limits }
    }
}
