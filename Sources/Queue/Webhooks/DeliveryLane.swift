import Domain

/// What one receiver's deliveries wait in, as the stores keep it: how many, how many of them are under way, and when a
/// claim is to look here.
struct DeliveryLane: Hashable, Sendable {
    /// What claims do with what waits here.
    enum Mode: Int, Sendable {
        case open = 0
        /// They leave it.
        case paused = 1
        /// They end it as failed: the endpoint is disabled.
        case disabled = 2
        /// They delete it: the endpoint is gone.
        case removed = 3
    }

    /// No claim holds longer: one that seems to was made by a clock that was ahead.
    static let longestClaim = Duration.seconds(600)
    /// What a delivery fails with when its endpoint is disabled.
    static let disabledError = "the endpoint is disabled"

    /// Origins of one tenant that have lanes of their own, at most; the others share ``sharedLanes``: what a tenant can make
    /// claims look at has an end.
    static let ownLanes = 256
    private static let sharedLanes: UInt64 = 16

    let number: Int64
    let name: String
    let tenant: TenantID
    /// Whose it is; nil if it is an origin's.
    let endpoint: String?
    var mode = Mode.open
    /// What waits and what is under way.
    var pending = 0
    /// Claimed and not settled; claims whose holder is lost count until a claim meets them.
    var inFlight = 0
    /// nil while there is nothing to find.
    var openAt: Timestamp?
    /// Nothing can be sent before, by no fault of the receiver's; nil, or past, if it can.
    var waitsUntil: Timestamp?
    var health = EndpointHealth()

    // MARK: Names

    /// The lane of tests, which go to endpoints that are paused, too.
    static func testName(ofEndpoint id: String) -> String { id + " test" }

    /// The lane of what jobs of `tenant` send to the origin of `url`.
    static func name(of tenant: String, url: String) -> String {
        tenant + " " + origin(of: url)
    }

    /// Scheme, host and port: what may be told of a URL whose path may be what lets one in.
    static func origin(of url: String) -> String {
        let parts = url.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { return url.lowercased() }
        let host = parts[2].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        return "\(parts[0])//\(host)".lowercased()
    }

    /// The lane that `name` shares with others, of a tenant that has ``ownLanes`` already.
    static func sharedName(of tenant: String, instead name: String) -> String {
        "\(tenant) *\(Rendezvous.weight(of: name, for: 0) % sharedLanes)"
    }

    /// Whether it is the one that its endpoint's events wait in.
    private var isOwn: Bool { endpoint == name }

    /// Whether what waits here ends unsent.
    var isGivenUp: Bool { mode == .disabled || mode == .removed }

    /// Whether it stays when it is empty.
    var isKept: Bool { pending > 0 || (isOwn && mode != .removed) }

    /// Whether its deliveries hold places as suspects: nothing says that its receiver answers well and soon.
    var isSuspect: Bool { !health.isTrusted }

    // MARK: Claims

    /// How many more may be claimed at `now`.
    /// - Parameter limit: for any lane.
    func room(limit: Int, at now: Timestamp) -> Int {
        guard mode == .open, waitsUntil.map({ $0 <= now }) ?? true else { return 0 }
        return max(0, health.capacity(limit: limit, at: now) - inFlight)
    }

    /// When a claim is to look here again. A lane that was just served goes behind those that wait.
    /// - Parameters:
    ///   - waiting: when the first of those is due that wait.
    ///   - lease: when the first of those shows again that are under way.
    ///   - limit: for any lane.
    func opening(
        waiting: Timestamp?, lease: Timestamp?, limit: Int = EndpointHealth.widest, at now: Timestamp
    ) -> Timestamp? {
        switch mode {
        case .paused: return nil
        case .disabled: return waiting.map { _ in now } ?? lease
        case .removed: return pending > 0 ? now : nil
        case .open: break
        }
        let next = waiting.map { max($0, health.trippedUntil ?? $0, waitsUntil ?? $0, now) }
        guard hasRoom(limit) else { return lease }
        return [next, lease].compactMap(\.self).min()
    }

    /// Something was posted that is due at `now`.
    mutating func post(at now: Timestamp) {
        pending += 1
        guard mode != .paused, hasRoom(EndpointHealth.widest) else { return }
        let next = max(now, health.trippedUntil ?? now, waitsUntil ?? now)
        openAt = min(openAt ?? next, next)
    }

    /// Whether more may be claimed once it is not tripped any more.
    private func hasRoom(_ limit: Int) -> Bool {
        inFlight < (health.trippedUntil == nil ? min(health.window, limit) : 1)
    }
}

extension DeliveryLane.Mode {
    init(_ status: EndpointStatus) {
        switch status {
        case .active: self = .open
        case .paused: self = .paused
        case .disabled: self = .disabled
        }
    }
}
