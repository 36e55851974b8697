import API
import Domain
import Logging
import Queue
import ServiceLifecycle
import Telemetry
import UnixSignals
import Upstream

/// On SIGHUP reads the configuration anew and takes over what can change while the process runs: the ways out, the limits
/// of pacing and the prices. All or nothing: a configuration that a start would refuse changes nothing. The certificate is
/// read anew, too, from the files that the start named.
struct ConfigurationReload: Service {
    let gateway: Gateway<ContinuousClock>
    let prices: PriceBook
    let tls: TLSCredentials?
    let reread: @Sendable () throws -> Settings
    let logger: Logger

    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sighup)
        for await _ in signals.cancelOnGracefulShutdown() { reload() }
    }

    private func reload() {
        tls?.renew(logger)
        do {
            let settings = try reread()
            let list = try settings.prices()
            prices.adopt(list)
            gateway.adopt(settings.paths, preferring: settings.egressRegions)
            gateway.adopt(settings.pacing)
            logger.notice("configuration read anew", metadata: ["paths": "\(settings.paths.count)"])
        } catch {
            logger.error("the configuration is refused; the old one stays", metadata: [LogKey.error: "\(error)"])
        }
    }
}
