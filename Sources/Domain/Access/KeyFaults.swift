/// Which keys answer calls to a class of models with 5xx again and again, while others do not, or may not be used for it: those
/// are set aside for it.
///
/// One fault says nothing of a key, and a model that fails with every key says nothing of any. Five in a row do, if another
/// key was answered well meanwhile: the key rests for 30 s, and after each further fault twice as long, up to 10 minutes.
/// Five refusals for want of permission in a row do by themselves; one says more about the request. For other classes the
/// key is used on.
package struct KeyFaults: Sendable {
    /// In a row.
    package static let faultLimit = 5
    package static let firstRest = Duration.seconds(30)
    package static let longestRest = Duration.seconds(600)
    /// Names of models are the clients'.
    private static let lanesKept = 4096
    private static let memory = Duration.seconds(3600)

    private struct Lane: Hashable {
        let key: String
        let models: ModelClass
    }

    private struct Record {
        /// Faults since the last success, and when the first of them came.
        var faults = 0
        var began: Timestamp?
        /// Refusals for want of permission since then.
        var refusals = 0
        var succeededAt: Timestamp?
        var rest: Duration?
        var restsUntil: Timestamp?
        var touchedAt: Timestamp
    }

    private var records: [Lane: Record] = [:]

    package init() {}

    /// A call with `key` was answered well, be it that the request was at fault: its faults are forgotten.
    package mutating func succeeded(_ key: UpstreamKey, _ models: ModelClass, at now: Timestamp) {
        update(Lane(key: key.id, models: models), at: now) { record in
            record = Record(succeededAt: now, touchedAt: now)
        }
    }

    /// The upstream has failed a call with `key`.
    /// - Returns: until when the key is set aside for `models`, if that begins now.
    package mutating func faulted(_ key: UpstreamKey, _ models: ModelClass, at now: Timestamp) -> Timestamp? {
        let lane = Lane(key: key.id, models: models)
        update(lane, at: now) { record in
            record.faults += 1
            record.began = record.began ?? now
        }
        guard let record = records[lane], record.faults >= Self.faultLimit, let began = record.began,
            othersSucceed(lane, since: began)
        else { return nil }
        return setAside(lane, at: now)
    }

    /// The upstream says that `key` may not do what a call to `models` asked for.
    /// - Returns: until when the key is set aside for `models`, if that begins now.
    package mutating func refused(_ key: UpstreamKey, _ models: ModelClass, at now: Timestamp) -> Timestamp? {
        let lane = Lane(key: key.id, models: models)
        update(lane, at: now) { $0.refusals += 1 }
        guard let record = records[lane], record.refusals >= Self.faultLimit, let until = setAside(lane, at: now) else {
            return nil
        }
        update(lane, at: now) { $0.refusals = 0 }
        return until
    }

    /// nil if it is so already.
    private mutating func setAside(_ lane: Lane, at now: Timestamp) -> Timestamp? {
        guard !rests(lane, at: now) else { return nil }
        let rest = records[lane]?.rest.map { min($0 * 2, Self.longestRest) } ?? Self.firstRest
        let until = now.advanced(by: rest)
        update(lane, at: now) { ($0.rest, $0.restsUntil) = (rest, until) }
        return until
    }

    /// Those of `keys` that are not set aside for `models`; all of them if no other is left.
    package func sound(_ keys: [UpstreamKey], for models: ModelClass?, at now: Timestamp) -> [UpstreamKey] {
        guard let models else { return keys }
        let sound = keys.filter { !rests(Lane(key: $0.id, models: models), at: now) }
        return sound.isEmpty ? keys : sound
    }

    /// A rest that is longer than any was set before the clock was.
    private func rests(_ lane: Lane, at now: Timestamp) -> Bool {
        guard let until = records[lane]?.restsUntil else { return false }
        return now < until && until <= now.advanced(by: Self.longestRest)
    }

    private func othersSucceed(_ lane: Lane, since began: Timestamp) -> Bool {
        records.contains { other, record in
            other.models == lane.models && other.key != lane.key && record.succeededAt.map { $0 >= began } ?? false
        }
    }

    private mutating func update(_ lane: Lane, at now: Timestamp, _ change: (inout Record) -> Void) {
        if records[lane] == nil, records.count >= Self.lanesKept {
            let oldest = now.advanced(by: .zero - Self.memory)
            records = records.filter { oldest < $0.value.touchedAt && $0.value.touchedAt <= now }
            guard records.count < Self.lanesKept else { return }
        }
        var record = records[lane] ?? Record(touchedAt: now)
        change(&record)
        record.touchedAt = now
        records[lane] = record
    }
}
