import Domain
import Logging
import Synchronization

/// How much the relay logs, to standard error.
enum LogLevel {
    /// - Throws: `configuration_invalid`.
    static func parse(_ text: String) throws(RelayError) -> Logger.Level {
        guard let level = Logger.Level(rawValue: text) else {
            let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw RelayError(
                .configurationInvalid, "log.level is '\(text)'; allowed are \(known).",
                remedy: "Correct it and start again.")
        }
        return level
    }

    /// Sets up logging for the process; once.
    static func logger(_ text: String) throws(RelayError) -> Logger {
        let level = try parse(text)
        set(level)
        LoggingSystem.bootstrap { ChangeableLogHandler(label: $0) }
        return Logger(label: "relay")
    }

    /// From now on, for every logger of the process.
    static func set(_ level: Logger.Level) {
        current.withLock { $0 = level }
    }

    fileprivate static let current = Mutex(Logger.Level.info)
}

/// Writes to standard error what ``LogLevel/set(_:)`` lets through at the moment.
private struct ChangeableLogHandler: LogHandler {
    private var base: StreamLogHandler

    init(label: String) {
        base = StreamLogHandler.standardError(label: label)
        base.logLevel = .trace
    }

    /// One for all; a logger cannot have its own.
    var logLevel: Logger.Level {
        get { LogLevel.current.withLock { $0 } }
        set { LogLevel.set(newValue) }
    }

    var metadata: Logger.Metadata {
        get { base.metadata }
        set { base.metadata = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { base[metadataKey: key] }
        set { base[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) {
        base.log(event: event)
    }
}
