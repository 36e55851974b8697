import Domain
import Logging
import ServiceLifecycle
import Telemetry
import Upstream
import Vault

/// The issuers of the configuration, with the keys that they publish.
struct IssuerKeys: Sendable {
    let issuers: [TokenIssuer]
    private let published: [PublishedKeys]

    /// - Parameters:
    ///   - transport: fetches keys; used only if an issuer has a URL.
    /// - Throws: `configuration_invalid` if a file of keys cannot be used. A URL that does not answer is logged.
    init(_ settings: Settings, transport: any Transport, logger: Logger) throws(RelayError) {
        var (issuers, published): ([TokenIssuer], [PublishedKeys]) = ([], [])
        for entry in settings.tokenIssuers {
            let keys = try Self.keys(of: entry, settings: settings, transport: transport, logger: logger)
            published.append(keys)
            var issuer = TokenIssuer(
                name: entry.name, audience: entry.audience, algorithm: entry.algorithm, keys: keys)
            issuer.tenantClaim = entry.tenantClaim
            issuer.scopesClaim = entry.scopesClaim
            issuer.leeway = entry.leeway
            issuer.defaultScopes = entry.defaultScopes
            issuers.append(issuer)
        }
        self.issuers = issuers
        self.published = published
    }

    /// Keeps each issuer's keys fresh, whatever the others' servers do.
    var services: [any Service] { published.map { IssuerKeyRefresh(keys: $0) } }

    /// A file that has changed is read within this time.
    private static let fileLifetime = Duration.seconds(1)
    private static let timeouts = Timeouts(
        connect: .seconds(5), firstByte: .seconds(10), idle: .seconds(5), total: .seconds(10))

    private static func keys(
        of entry: IssuerSettings, settings: Settings, transport: any Transport, logger: Logger
    ) throws(RelayError) -> PublishedKeys {
        let onFailure: @Sendable (any Error) -> Void = { error in
            logger.warning(
                "an issuer's keys cannot be read; the known ones stay in use",
                metadata: ["issuer": "\(entry.name)", LogKey.error: "\(error)"])
        }
        if case .jwksURL(let url) = entry.source {
            return PublishedKeys(lifetime: settings.tokenKeyLifetime, clock: SystemClock(), onFailure: onFailure) {
                .keys(try await fetch(url, entry, transport))
            }
        }
        let file = WatchedFile(entry.file ?? "", limit: VerificationKeys.documentLimit)
        let initial = try file.read(entry.keys) ?? VerificationKeys([])
        return PublishedKeys(initial: initial, lifetime: fileLifetime, clock: SystemClock(), onFailure: onFailure) {
            try file.read(entry.keys).map(PublishedKeys.Finding.keys) ?? .unchanged
        }
    }

    private static func fetch(
        _ url: String, _ entry: IssuerSettings, _ transport: any Transport
    ) async throws -> VerificationKeys {
        let request = HTTPRequest(
            method: "GET", url: url, headers: [HeaderField("accept", "application/jwk-set+json, application/json")],
            body: nil, timeouts: timeouts)
        let reply = try await transport.exchange(request, over: .direct, limit: VerificationKeys.documentLimit)
        guard reply.status == 200 else { throw entry.refusal("keys, but answers with HTTP \(reply.status)") }
        return try entry.keys(in: reply.body)
    }
}

/// Reads one issuer's keys anew whenever they have become old.
private struct IssuerKeyRefresh: Service {
    let keys: PublishedKeys

    func run() async throws {
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            await keys.refresh()
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(1)) }
        }
    }
}

extension Settings {
    /// - Throws: `configuration_invalid` if an issuer's file of keys cannot be used.
    func checkIssuers() throws(RelayError) {
        for issuer in tokenIssuers {
            guard let path = issuer.file else { continue }
            _ = try WatchedFile(path, limit: VerificationKeys.documentLimit).read(issuer.keys)
        }
        _ = try AuthorityFile(tokenAuthorityFile, in: "tokens.ca_file")
    }
}
