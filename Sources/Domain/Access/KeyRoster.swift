/// Why a key is not used for now, and until when.
package struct KeyOutage: Hashable, Sendable {
    package enum Reason: String, Hashable, Sendable, CaseIterable {
        /// 401, 402: wrong, revoked or unpaid; or 403 again and again.
        case refused
        /// Its spend limit is reached.
        case spendLimited = "spend_limited"
    }

    package let reason: Reason
    package let until: Timestamp
}

/// Which upstream keys may be used: all but those that the upstream has refused, each until its time is over or its
/// secret has changed.
package struct KeyRoster: Sendable {
    /// How long a refused key is left alone. Then one call tries it again, in case an operator mended it upstream.
    package static let refusalTime = Duration.seconds(300)

    private struct Entry: Sendable {
        let outage: KeyOutage
        /// The secret that was refused; another one under the same id is worth a try.
        let secret: Secret
    }

    /// Refusals for want of permission in a row that take a key out. One says more about the request.
    package static let permissionLimit = 5

    private var outages: [String: Entry] = [:]
    /// Refusals for want of permission since the key's last success.
    private var refusals: [String: Int] = [:]
    private var turn = 0

    package init() {}

    /// The keys that may be used, in the order to try them: each call begins with the next one.
    package mutating func usable(of keys: [UpstreamKey], at now: Timestamp) -> [UpstreamKey] {
        outages = outages.filter { now < $0.value.outage.until }
        let usable = keys.filter { outage(of: $0, at: now) == nil }
        guard !usable.isEmpty else { return [] }
        turn = (turn + 1) % usable.count
        return Array(usable[turn...] + usable[..<turn])
    }

    /// nil while `key` may be used.
    package func outage(of key: UpstreamKey, at now: Timestamp) -> KeyOutage? {
        guard let entry = outages[key.id], entry.secret == key.secret, now < entry.outage.until else { return nil }
        return entry.outage
    }

    package mutating func refused(_ key: UpstreamKey, at now: Timestamp) {
        takeOut(key, .refused, until: now.advanced(by: Self.refusalTime))
    }

    /// A request asked for what `key` may not do.
    package mutating func lacksPermission(_ key: UpstreamKey, at now: Timestamp) {
        refusals[key.id, default: 0] += 1
        if refusals[key.id, default: 0] >= Self.permissionLimit {
            refusals[key.id] = nil
            refused(key, at: now)
        }
    }

    package mutating func succeeded(_ key: UpstreamKey) {
        refusals[key.id] = nil
    }

    /// Spend limits are lifted at 00:00 UTC on the 1st of the next month.
    package mutating func spendLimited(_ key: UpstreamKey, at now: Timestamp) {
        takeOut(key, .spendLimited, until: now.startOfNextMonth)
    }

    /// A shorter outage never ends a longer one.
    private mutating func takeOut(_ key: UpstreamKey, _ reason: KeyOutage.Reason, until: Timestamp) {
        if let entry = outages[key.id], entry.secret == key.secret, entry.outage.until > until { return }
        outages[key.id] = Entry(outage: KeyOutage(reason: reason, until: until), secret: key.secret)
    }
}

extension Timestamp {
    /// 00:00 UTC on the 1st of the month after this instant's.
    var startOfNextMonth: Timestamp {
        // A month is never longer than 31 days, so 31 days after its 1st is in the next month.
        let firstDay = startOfMonth
        return firstDay.advanced(by: .seconds(31 * 86_400)).startOfMonth
    }

    private var startOfMonth: Timestamp {
        Timestamp(rfc3339: rfc3339.prefix(8) + "01T00:00:00Z") ?? self
    }
}
