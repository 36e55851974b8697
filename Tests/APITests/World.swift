import Domain
import Logging
import Queue
import ServiceLifecycle
import Synchronization
import TestSupport

@testable import API

/// A relay's API on a port of its own, with a store in memory, a scripted Gateway and a clock that a test moves.
struct World: Sendable {
    static let jobBody = #"{"request":{"model":"claude-test","max_tokens":16,"messages":[]}}"#
    static let messageBody = #"{"model":"claude-test","max_tokens":16,"messages":[]}"#
    static let streamBody = #"{"model":"claude-test","max_tokens":16,"messages":[],"stream":true}"#

    let port: Int
    let store: MemoryJobStore
    let gateway: ScriptedGateway
    let clock: ManualClock
    let desk: CountingDesk
    let tenants: TenantDirectory
    let tokens: FixedTokens
    private let services: ServiceGroup
    private let server: APIServer

    static func run(
        configure: (inout APIConfiguration) -> Void = { _ in }, maxDepth: Int = 1_000_000,
        _ test: @Sendable (World) async throws -> Void
    ) async throws {
        let clock = ManualClock()
        let store = MemoryJobStore(maxDepth: maxDepth, clock: clock)
        let gateway = ScriptedGateway()
        let desk = CountingDesk()
        let tenants = TenantDirectory(store: store)
        let tokens = FixedTokens()
        var configuration = APIConfiguration()
        configuration.port = 0
        configure(&configuration)
        let (ports, listening) = AsyncStream<Int>.makeStream()
        let server = APIServer(
            configuration: configuration, store: store, gateway: gateway, keyring: gateway, tokens: tokens,
            tokenDesk: desk, webhookSecrets: FixedSecrets(), tenants: tenants, ledger: MemoryPacingLedger(),
            prices: PriceBook(.sample), holder: "test", wall: clock.wall, clock: clock, metricsText: { "up 1\n" },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            onListening: { listening.yield($0) })
        let services = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: server)], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            for await port in ports {
                try await test(
                    World(
                        port: port, store: store, gateway: gateway, clock: clock, desk: desk, tenants: tenants,
                        tokens: tokens, services: services, server: server))
                break
            }
            group.cancelAll()
            while case .failure? = await group.nextResult() {}
        }
    }

    /// All that the API answers, but for its description.
    var routes: [Route] { server.allRoutes() }

    /// Of all requests under way.
    var bodyBytesHeld: Int { server.services.bodyMemory.held }

    /// One request on a connection of its own.
    func send(
        _ method: String, _ target: String, _ body: String? = nil, token: String? = "acme",
        headers: [(String, String)] = []
    ) async throws -> LoopbackClient.Reply {
        try await send(method, target, bytes: body.map { Array($0.utf8) }, token: token, headers: headers)
    }

    func send(
        _ method: String, _ target: String, bytes: [UInt8]?, token: String? = "acme",
        headers: [(String, String)] = []
    ) async throws -> LoopbackClient.Reply {
        try await LoopbackClient.connect(to: port) { client in
            let credential = token.map { [("x-api-key", $0)] } ?? []
            return try await client.request(method, target, headers: credential + headers, body: bytes)
        }
    }

    func submit(_ body: String = World.jobBody, token: String = "acme") async throws -> String {
        let reply = try await send("POST", "/v1/jobs", body, token: token)
        return reply.field("id")
    }

    /// Works one due job to its end.
    func finishJob(_ result: JobResult = .sample()) async throws {
        let now = clock.timestamp
        guard let claim = try await store.claim(limit: 1, bytes: .max, by: "w", at: now, for: .seconds(30)).first else {
            return
        }
        try await store.settle(
            Settlement(
                lease: claim.lease, outcome: .ended(.succeeded, result), attempt: .sample(claim.lease, at: now)))
    }

    /// Begins a graceful shutdown, as SIGTERM does.
    func shutdown() async {
        await services.triggerGracefulShutdown()
    }

    /// Returns once `count` clients wait for calls that can be shared.
    func waiting(_ count: Int) async {
        while server.services.sharedCalls?.waitingClients != count { await Task.yield() }
    }

    /// The verdicts on streams, once there are `count` of them: they are booked after the client has its answer.
    func booked(_ count: Int) async -> [Verdict] {
        while gateway.record.booked.count < count { await Task.yield() }
        return gateway.record.booked
    }

    /// Advances the clock whenever somebody sleeps who wakes within `reach`, until `work` is done. With a short reach
    /// waits for a retry pass, and the clocks of a stream do not run away while bytes travel.
    func advancing<Value: Sendable>(
        by step: Duration = .seconds(1), reach: Duration = .seconds(3600), _ work: @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [clock] in
                while !Task.isCancelled {
                    if let wait = clock.untilNextWake, wait <= reach { clock.advance(by: step) }
                    await Task.yield()
                }
            }
            defer { group.cancelAll() }
            return try await work()
        }
    }
}

extension LoopbackClient.Reply {
    /// A string field of the top-level object; empty if there is none.
    func field(_ name: String) -> String {
        guard let fields = try? JSONFields(body), let member = fields.member(name) else { return "" }
        return fields.string(member) ?? String(decoding: fields.bytes(member), as: UTF8.self)
    }

    /// The envelope's stable code, if everything around it is as it must be too.
    var errorCode: String? {
        guard let fields = try? JSONFields(body), let error = fields.member("error"),
            let inner = try? JSONFields(body, in: error.value), let details = inner.member("details"),
            let codes = try? JSONFields(body, in: details.value), let code = codes.member("error_code"),
            let text = codes.string(code), let known = ErrorCode(rawValue: text),
            field("type") == "error", known.status == status, headers["x-relay-error"] == text,
            inner.member("type").flatMap(inner.string) == known.anthropicType,
            headers["request-id"]?.hasPrefix("req_relay_") == true, field("request_id") == headers["request-id"]
        else { return nil }
        return text
    }
}

/// The token is the tenant's name, with the scopes after a colon; `expired` has expired, `bad…` is refused.
final class FixedTokens: TokenVerifier {
    private let revoked = Mutex<Set<String>>([])

    func revoke(_ token: String) {
        revoked.withLock { _ = $0.insert(token) }
    }

    func verify(_ token: String) async throws(CredentialRefusal) -> Caller {
        guard revoked.withLock({ !$0.contains(token) }) else { throw .revoked }
        let parts = token.split(separator: ":", maxSplits: 1)
        guard let name = parts.first, !token.hasPrefix("bad"), let tenant = TenantID(name) else { throw .badSignature }
        if token == "expired" { throw .expired }
        let scopes =
            parts.count > 1
            ? parts[1].split(separator: "+").compactMap { Caller.Scope(rawValue: String($0)) } : [.jobs, .messages]
        return Caller(tenant: tenant, scopes: Set(scopes))
    }
}

/// Makes keys that hold nowhere; counts how often it was told to look at the store.
final class CountingDesk: TokenDesk {
    private let count = Mutex(0)

    var refreshes: Int { count.withLock { $0 } }

    func makeAPIKey(for caller: Caller, name: String, lifetime: Duration?) -> (secret: Secret, key: APIKey) {
        var random = SystemRandomNumberGenerator()
        let text = APIKeyText.make(using: &random)
        let now = ManualClock().timestamp
        let key = APIKey(
            id: APIKey.makeID(at: now, using: &random), prefix: APIKeyText.prefix(of: text) ?? "", hash: [],
            tenant: caller.tenant, scopes: caller.scopes, name: name, createdAt: now,
            expiresAt: lifetime.map(now.advanced(by:)))
        return (Secret(text), key)
    }

    func refresh() async {
        count.withLock { $0 += 1 }
    }
}

private struct FixedSecrets: WebhookSecrets {
    func issue(endpoint id: String) throws(RelayError) -> IssuedWebhookSecret {
        IssuedWebhookSecret(
            secret: Secret("whsec_\(id)"), publicKey: "whpk_\(id)", sealed: Array(id.utf8), keyringRevision: 1)
    }

    func renewKeys() {}

    func open(_ sealed: [UInt8], endpoint id: String) throws(RelayError) -> WebhookKeys {
        WebhookKeys(secret: Secret("whsec_\(id)"), publicKey: "whpk_\(id)")
    }

    func shared(by tenant: TenantID) -> WebhookKeys { WebhookKeys(secret: Secret("whsec_shared")) }
}
