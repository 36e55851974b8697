import Domain

/// When a failed delivery is tried again: fixed delays, each with up to 10 % jitter either way.
package struct DeliverySchedule: Hashable, Sendable {
    /// What a receiver may ask for by `retry-after`, at most.
    package static let longestFloor = Duration.seconds(86_400)

    /// The delay after each failed attempt, the first attempt's first. After the last one's attempt it is given up.
    package let delays: [Duration]

    package init(delays: [Duration]) {
        self.delays = delays
    }

    /// At once, then after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h: 10 attempts over three days.
    package static let standard = DeliverySchedule(
        delays: [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400].map { .seconds($0) })

    /// - Parameters:
    ///   - attempt: the failed attempt, from 1.
    ///   - floor: what the receiver's `retry-after` asked for; honoured up to ``longestFloor``.
    /// - Returns: nil if the delivery is given up.
    package func delay(
        afterAttempt attempt: Int, floor: Duration?, using random: inout some RandomNumberGenerator
    ) -> Duration? {
        guard delays.indices.contains(attempt - 1) else { return nil }
        let base = delays[attempt - 1].microseconds
        let jittered = Duration.microseconds(base + Int64.random(in: -base / 10...base / 10, using: &random))
        return max(jittered, min(floor ?? .zero, Self.longestFloor))
    }
}
