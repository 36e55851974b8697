import Domain
import Logging
import Queue
import Upstream

/// What the routes work with.
struct APIServices: Sendable {
    let live: LiveConfiguration
    let store: any JobStore
    let egress: any EgressStore
    let audit: any AuditStore
    let gateway: any UpstreamGateway
    let keyring: any UpstreamKeyring
    let tokens: any TokenVerifier
    let failures: FailedAttempts
    let tokenStore: any TokenStore
    let tokenDesk: any TokenDesk
    let webhookSecrets: any WebhookSecrets
    let webhookChanges: WebhookChanges
    let tenants: TenantGate
    let wall: any WallClock
    let clock: any Clock<Duration>
    let metricsText: @Sendable () -> String
    /// Why this process cannot open the store's present keyring; nil if it can.
    let keyringTrouble: @Sendable () -> RelayError?
    let logger: Logger
    /// nil: every request has a call of its own.
    let sharedCalls: SharedCalls?
    let readiness = Readiness()
    let bodyMemory = BodyMemory()

    /// Of the sender's tenant, as they are now: they may have changed since the request began.
    func limits(of call: Call) -> TenantLimits {
        call.caller.map { tenants.limits(of: $0.tenant) } ?? .none
    }

    /// As it is now.
    var configuration: APIConfiguration { live.current }
}
