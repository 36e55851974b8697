import API
import Domain
import Logging
import Queue
import ServiceLifecycle
import Telemetry
import UnixSignals
import Upstream

/// On SIGHUP reads the configuration anew and takes over what can change while the process runs; the log names what cannot.
/// All or nothing: everything is read and checked, the certificate and the issuers' keys among it, before anything changes.
struct ConfigurationReload: Service {
    /// What the process was started with.
    let started: Settings
    let gateway: Gateway<ContinuousClock>
    let prices: PriceBook
    let tls: TLSCredentials?
    /// nil in a process that serves no API; so is ``server``.
    let gate: Gatekeeping?
    let server: APIServer?
    let reread: @Sendable () throws -> Settings
    let logger: Logger

    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sighup)
        for await _ in signals.cancelOnGracefulShutdown() { reload() }
    }

    private func reload() {
        do {
            let settings = try reread()
            let (list, level) = (try settings.prices(), try LogLevel.parse(settings.logLevel))
            let (certificate, issuers) = (try tls?.prepare(), try gate?.issuers.prepare(settings))
            // Nothing fails from here on.
            if let certificate { tls?.adopt(certificate) }
            if let issuers { gate?.adopt(issuers) }
            server?.adopt(settings.requestLimits)
            prices.adopt(list)
            gateway.adopt(settings.paths, preferring: settings.egressRegions)
            gateway.adopt(settings.pacing)
            LogLevel.set(level)
            report(settings)
        } catch {
            logger.error("the configuration is refused; the old one stays", metadata: [LogKey.error: "\(error)"])
        }
    }

    private func report(_ settings: Settings) {
        let waiting = settings.needingRestart(over: started)
        logger.notice(
            "configuration read anew",
            metadata: ["paths": "\(settings.paths.count)", "issuers": "\(settings.tokenIssuers.count)"])
        guard !waiting.isEmpty else { return }
        logger.warning("needs a restart: \(waiting.joined(separator: ", "))")
    }
}

extension ConfigurationReload: CustomStringConvertible {
    /// The log names services as they are described: not with all settings.
    var description: String { "ConfigurationReload" }
}
