import Domain
import Logging
import ServiceLifecycle
import Synchronization
import Telemetry
import Upstream
import Vault

/// The issuers of the configuration, with the keys that they publish. Keeps each issuer's keys fresh, whatever the others'
/// servers do.
final class IssuerKeys: Service {
    /// Issuers whose keys have been read, or will be.
    struct Draft: Sendable {
        fileprivate let entries: [(settings: IssuerSettings, keys: PublishedKeys)]

        /// As the authority takes them.
        var issuers: [TokenIssuer] { entries.map { $0.settings.issuer(with: $0.keys) } }
    }

    private let keyLifetime: Duration
    private let transport: any Transport
    private let logger: Logger
    private let inUse: Mutex<Draft>

    /// - Parameters:
    ///   - transport: fetches keys; used only if an issuer has a URL.
    /// - Throws: `configuration_invalid` if a file of keys cannot be used. A URL that does not answer is logged.
    init(_ settings: Settings, transport: any Transport, logger: Logger) throws(RelayError) {
        keyLifetime = settings.tokenKeyLifetime
        self.transport = transport
        self.logger = logger
        inUse = Mutex(Draft(entries: []))
        adopt(try prepare(settings))
    }

    var issuers: [TokenIssuer] { inUse.withLock { $0 }.issuers }

    /// What `settings` name. Keys that are known stay with an issuer that says where they are as it did. Changes nothing.
    /// - Throws: `configuration_invalid` if a file of keys cannot be used.
    func prepare(_ settings: Settings) throws(RelayError) -> Draft {
        let known = inUse.withLock { $0 }.entries
        var entries: [(settings: IssuerSettings, keys: PublishedKeys)] = []
        for entry in settings.tokenIssuers {
            if let old = known.first(where: { $0.settings.hasKeysOf(entry) }) {
                entries.append((entry, old.keys))
            } else {
                entries.append((entry, try keys(of: entry)))
            }
        }
        return Draft(entries: entries)
    }

    func adopt(_ draft: Draft) {
        inUse.withLock { $0 = draft }
    }

    func run() async throws {
        await withDiscardingTaskGroup { group in
            var watched: Set<ObjectIdentifier> = []
            while !Task.isShuttingDownGracefully, !Task.isCancelled {
                let present = inUse.withLock { $0 }.entries.map(\.keys)
                watched.formIntersection(present.map(ObjectIdentifier.init))
                for keys in present where watched.insert(ObjectIdentifier(keys)).inserted {
                    group.addTask { await self.keepFresh(keys) }
                }
                await rest(for: .seconds(1))
            }
        }
    }

    /// Reads one issuer's keys anew whenever they have become old, as long as it is in use.
    private func keepFresh(_ keys: PublishedKeys) async {
        while !Task.isShuttingDownGracefully, !Task.isCancelled, isInUse(keys) {
            await keys.refresh()
            await rest(for: .seconds(1))
        }
    }

    private func isInUse(_ keys: PublishedKeys) -> Bool {
        inUse.withLock { $0.entries.contains { $0.keys === keys } }
    }

    /// A file that has changed is read within this time.
    private static let fileLifetime = Duration.seconds(1)
    private static let timeouts = Timeouts(
        connect: .seconds(5), firstByte: .seconds(10), idle: .seconds(5), total: .seconds(10))

    private func keys(of entry: IssuerSettings) throws(RelayError) -> PublishedKeys {
        let onFailure: @Sendable (any Error) -> Void = { [logger] error in
            logger.warning(
                "an issuer's keys cannot be read; the known ones stay in use",
                metadata: ["issuer": "\(entry.name)", LogKey.error: "\(error)"])
        }
        if case .jwksURL(let url) = entry.source {
            return PublishedKeys(lifetime: keyLifetime, clock: SystemClock(), onFailure: onFailure) { [transport] in
                .keys(try await Self.fetch(url, entry, transport))
            }
        }
        let file = entry.watchedFile(entry.file ?? "")
        let initial = try file.read(entry.keys) ?? VerificationKeys([])
        return PublishedKeys(initial: initial, lifetime: Self.fileLifetime, clock: SystemClock(), onFailure: onFailure)
        {
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

extension Settings {
    /// - Throws: `configuration_invalid` if an issuer's file of keys cannot be used.
    func checkIssuers() throws(RelayError) {
        for issuer in tokenIssuers {
            guard let path = issuer.file else { continue }
            _ = try issuer.watchedFile(path).read(issuer.keys)
        }
        _ = try AuthorityFile(tokenAuthorityFile, in: "tokens.ca_file")
    }
}

extension IssuerSettings {
    fileprivate func watchedFile(_ path: String) -> WatchedFile {
        // Who reads the secret of HS256 can sign with it.
        WatchedFile(path, limit: VerificationKeys.documentLimit, isSecret: algorithm == .hs256)
    }
}
