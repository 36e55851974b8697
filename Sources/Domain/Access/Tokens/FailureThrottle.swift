/// Counts credentials that did not hold, by the address they came from, and says when it is enough.
///
/// It never looks at a valid credential, so nobody can lock others out. Its memory is bounded: addresses that have been
/// quiet for a minute are forgotten, and under an attack from more than ``addressLimit`` the oldest.
package struct FailureThrottle: Sendable {
    package enum Answer: Hashable, Sendable {
        /// Say that the credential does not hold.
        case refuse
        /// Say that there have been too many; the count begins anew after this long.
        case slowDown(Duration)
    }

    /// Addresses of one generation; two are kept.
    package static let addressLimit = 10_000
    /// How long failures count.
    package static let window = Duration.seconds(60)

    private struct Entry: Sendable {
        let began: Duration
        var failures: Int
    }

    private let limit: Int
    private var recent: [[UInt8]: Entry] = [:]
    private var older: [[UInt8]: Entry] = [:]
    private var turned: Duration?

    /// - Parameter limit: failures within a minute that are answered as such; 1 or more.
    package init(limit: Int) {
        self.limit = max(1, limit)
    }

    /// A credential from `address` (4 or 16 bytes in network order; anything else counts as one address) did not hold.
    /// - Parameter now: by a clock that is never set back, from any beginning.
    package mutating func failed(from address: [UInt8], at now: Duration) -> Answer {
        turn(at: now)
        let client = Self.client(address)
        var entry = recent[client] ?? older[client] ?? Entry(began: now, failures: 0)
        if now - entry.began >= Self.window { entry = Entry(began: now, failures: 0) }
        entry.failures = min(entry.failures + 1, limit + 1)
        recent[client] = entry
        guard entry.failures > limit else { return .refuse }
        return .slowDown(Self.window - (now - entry.began))
    }

    /// Addresses that are remembered.
    package var addressCount: Int { Set(recent.keys).union(older.keys).count }

    private mutating func turn(at now: Duration) {
        let isDue = turned.map { now - $0 >= Self.window } ?? true
        guard isDue || recent.count >= Self.addressLimit else { return }
        older = recent
        recent = [:]
        turned = now
    }

    /// Who has one IPv6 address has its whole /64. A mapped IPv4 address is that one.
    private static func client(_ address: [UInt8]) -> [UInt8] {
        guard address.count == 16 else { return address }
        let isMapped = address[..<10].allSatisfy { $0 == 0 } && address[10..<12].allSatisfy { $0 == 0xFF }
        return isMapped ? Array(address[12...]) : Array(address[..<8])
    }
}
