import Domain
import Logging

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
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: "relay")
        logger.logLevel = level
        return logger
    }
}
