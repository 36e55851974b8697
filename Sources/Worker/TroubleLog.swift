import Logging
import Synchronization
import Telemetry

/// Logs a trouble when it begins and when it is over, not at every try in between.
final class TroubleLog: Sendable {
    private let logger: Logger
    private let last = Mutex<String?>(nil)

    init(logger: Logger) {
        self.logger = logger
    }

    func met(_ error: any Error) {
        let words = "\(error)"
        let isNew = last.withLock { last in
            defer { last = words }
            return last != words
        }
        if isNew { logger.error("cannot take up work; trying again", metadata: [LogKey.error: "\(words)"]) }
    }

    func over() {
        let wasTroubled = last.withLock { last in
            defer { last = nil }
            return last != nil
        }
        if wasTroubled { logger.info("taking up work again") }
    }
}
