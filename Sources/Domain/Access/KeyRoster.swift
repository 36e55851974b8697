/// Why a key is not used for now, and until when.
package struct KeyOutage: Hashable, Sendable {
    package enum Reason: String, Hashable, Sendable, CaseIterable {
        /// 401, 402: wrong, revoked or unpaid.
        case refused
        /// Its spend limit is reached.
        case spendLimited = "spend_limited"
    }

    package let reason: Reason
    package let until: Timestamp
    /// When one call may try the key all the same; at ``until`` at the latest.
    package let nextTry: Timestamp
}

/// Which upstream keys may be used: all but those that the upstream has refused. Once an outage's time is over one call at
/// a time tries the key, until one succeeds; a key whose secret has changed is used at once.
package struct KeyRoster: Sendable {
    /// What a call may do with a key.
    package enum Admission: Hashable, Sendable {
        case free
        /// It is the one that tries the key: its end must be told by ``succeeded(_:isTrial:)``, a refusal or
        /// ``trialEnded(of:)``.
        case trial
        /// Not before the instant given.
        case none(until: Timestamp)
    }

    /// How long a refused key is left alone. Then one call tries it again, in case an operator mended it upstream.
    package static let refusalTime = Duration.seconds(300)
    /// How often one call tries a key that has reached its spend limit, in case an operator has raised that.
    package static let spendTryTime = Duration.seconds(3600)
    /// How long a key rests whose spend limit was told in words alone. Told again by the call that tries it: twice as long, up
    /// to ``spendTryTime``.
    package static let toldTime = Duration.seconds(300)
    /// A call that tries a key and tells nothing for so long lets another try.
    package static let trialTime = Duration.seconds(60)

    private struct Entry: Sendable {
        var outage: KeyOutage
        /// When it began, or by a clock that was set back since, the earliest time told.
        var since: Timestamp
        /// The secret that was refused; another one under the same id is worth a try.
        let secret: Secret
        /// How long it rested last for words alone.
        var toldRest: Duration?
        /// While a call tries the key.
        var trialUntil: Timestamp?
    }

    private var outages: [String: Entry] = [:]
    private var turn = 0

    package init() {}

    /// The keys that may be used or tried, in the order to ask them: each call begins with the next one.
    package mutating func usable(of keys: [UpstreamKey], at now: Timestamp) -> [UpstreamKey] {
        rebase(at: now)
        let usable = keys.filter { key in
            if case .none = admission(of: key, at: now) { return false }
            return true
        }
        guard !usable.isEmpty else { return [] }
        turn = (turn + 1) % usable.count
        return Array(usable[turn...] + usable[..<turn])
    }

    /// After the clock was set back outages last as long as they did; the end of a month is where it was.
    private mutating func rebase(at now: Timestamp) {
        for (id, entry) in outages where now < entry.since {
            let (last, shift) = (entry.outage, now.duration(since: entry.since))
            let isOfMonth = last.reason == .spendLimited && entry.toldRest == nil
            let until = isOfMonth ? last.until : last.until.advanced(by: shift)
            outages[id]?.since = now
            outages[id]?.outage = KeyOutage(
                reason: last.reason, until: until, nextTry: min(until, last.nextTry.advanced(by: shift)))
        }
    }

    /// nil while `key` may be used.
    package func outage(of key: UpstreamKey, at now: Timestamp) -> KeyOutage? {
        guard let entry = entry(of: key) else { return nil }
        guard now >= entry.outage.until else { return entry.outage }
        guard case .none(let until) = admission(of: key, at: now) else { return nil }
        return KeyOutage(reason: entry.outage.reason, until: until, nextTry: until)
    }

    /// Whether calls may use `key` as they like.
    package func isSound(_ key: UpstreamKey) -> Bool { entry(of: key) == nil }

    /// Asks for one call, right before it takes its permit.
    package mutating func admit(_ key: UpstreamKey, at now: Timestamp) -> Admission {
        let admission = admission(of: key, at: now)
        if admission == .trial { outages[key.id]?.trialUntil = now.advanced(by: Self.trialTime) }
        return admission
    }

    private func admission(of key: UpstreamKey, at now: Timestamp) -> Admission {
        guard let entry = entry(of: key) else { return .free }
        if let trial = entry.trialUntil, now < trial, trial <= now.advanced(by: Self.trialTime) {
            return .none(until: trial)
        }
        return now < entry.outage.nextTry ? .none(until: entry.outage.nextTry) : .trial
    }

    /// The call that tried `key` was not sent, or has told nothing of it: another may try.
    package mutating func trialEnded(of key: UpstreamKey) {
        outages[key.id]?.trialUntil = nil
    }

    /// Until when a call may try one of `keys`, none of which may be used; nil if none is tried at this time.
    package func endOfTrial(of keys: [UpstreamKey], at now: Timestamp) -> Timestamp? {
        keys.compactMap { key in
            guard let entry = entry(of: key), entry.outage.nextTry <= now, let end = entry.trialUntil else {
                return nil
            }
            return now < end ? end : nil
        }.min()
    }

    /// The call that tried `key` was answered by something else than a refusal of the key: it is taken again. A spend limit
    /// may be reached all the same.
    package mutating func wasTaken(_ key: UpstreamKey) {
        if outages[key.id]?.outage.reason == .refused { outages[key.id] = nil }
    }

    /// The upstream does not take `key`: it is out for ``refusalTime``.
    package mutating func refused(_ key: UpstreamKey, at now: Timestamp) {
        let until = now.advanced(by: Self.refusalTime)
        takeOut(key, KeyOutage(reason: .refused, until: until, nextTry: until), at: now)
    }

    /// - Parameter isTrial: whether it was the call that tried the key: then the outage is over.
    package mutating func succeeded(_ key: UpstreamKey, isTrial: Bool = false) {
        if isTrial { outages[key.id] = nil }
    }

    /// Spend limits are lifted at 00:00 UTC on the 1st of the next month, or when an operator raises them.
    package mutating func spendLimited(_ key: UpstreamKey, at now: Timestamp) {
        let until = now.startOfNextMonth
        let nextTry = min(until, now.advanced(by: Self.spendTryTime))
        takeOut(key, KeyOutage(reason: .spendLimited, until: until, nextTry: nextTry), at: now)
    }

    /// The same by what was read from words: a client may have had a hand in them, so it does not last.
    package mutating func toldSpendLimit(_ key: UpstreamKey, at now: Timestamp) {
        let last = entry(of: key)
        let isNew = last.map { now >= $0.outage.until } ?? true  // else by calls that were under way
        let rest = last?.toldRest.map { isNew ? min($0 * 2, Self.spendTryTime) : $0 } ?? Self.toldTime
        let until = now.advanced(by: rest)
        takeOut(key, KeyOutage(reason: .spendLimited, until: until, nextTry: until), at: now, toldRest: rest)
    }

    /// A shorter outage never ends a longer one; but it puts off when that is tried next.
    private mutating func takeOut(
        _ key: UpstreamKey, _ outage: KeyOutage, at now: Timestamp, toldRest: Duration? = nil
    ) {
        if let last = entry(of: key)?.outage, last.until > outage.until {
            let nextTry = min(last.until, max(last.nextTry, outage.nextTry))
            outages[key.id]?.outage = KeyOutage(reason: last.reason, until: last.until, nextTry: nextTry)
            outages[key.id]?.trialUntil = nil
            return
        }
        outages[key.id] = Entry(outage: outage, since: now, secret: key.secret, toldRest: toldRest)
    }

    private func entry(of key: UpstreamKey) -> Entry? {
        outages[key.id].flatMap { $0.secret == key.secret ? $0 : nil }
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
