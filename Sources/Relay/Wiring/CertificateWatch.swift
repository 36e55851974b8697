import API
import Domain
import Logging
import ServiceLifecycle
import Telemetry

/// Takes over a renewed certificate without being told: looks every few seconds whether its files are others.
struct CertificateWatch: Service {
    private static let interval = Duration.seconds(5)
    let credentials: TLSCredentials
    let logger: Logger

    func run() async throws {
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            await rest(for: Self.interval)
            if credentials.haveChanged { credentials.renew(logger) }
        }
    }
}

extension TLSCredentials {
    /// Reads the files anew and says in the log what came of it.
    func renew(_ logger: Logger) {
        do throws(RelayError) {
            try reload()
            logger.notice("the certificate was read anew; new connections see it")
        } catch {
            logger.error("the certificate is refused; the old one stays", metadata: [LogKey.error: "\(error)"])
        }
    }
}
