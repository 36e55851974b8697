/// The acceleration limit: in ten seconds at most a multiple of what passed in the ten before, and always ten.
///
/// Times are counted in slots of half a second: a span is the current slot and the 19 before it.
struct RampLimiter: Sendable {
    static let floor = 10
    private static let slot = Duration.milliseconds(500)
    private static let span = 20

    private let factor: Double
    /// Requests granted in each slot, a ring over two spans.
    private var counts = Array(repeating: 0, count: 2 * span)
    private var newest = 0

    /// - Parameter factor: at least 1.
    init(factor: Double) {
        self.factor = factor
    }

    /// Grants one request, or tells when to come again. `now` never runs backwards.
    mutating func take(at now: Duration) -> RateLimiter.Decision {
        let current = Int(now / Self.slot)
        advance(to: current)
        if hasRoom {
            counts[current % counts.count] += 1
            return .granted
        }
        var later = self
        var freeAt = current
        while !later.hasRoom {
            freeAt += 1
            later.advance(to: freeAt)
        }
        return .refused(retryAfter: Self.slot * freeAt - now)
    }

    /// Ends after at most one span without requests: then the current one is empty.
    private var hasRoom: Bool {
        let before = sum(from: newest - 2 * Self.span + 1)
        let allowed = max(Self.floor, Int((Double(before) * factor).rounded(.down)))
        return sum(from: newest - Self.span + 1) < allowed
    }

    private func sum(from first: Int) -> Int {
        (max(0, first)..<max(0, first + Self.span)).reduce(0) { $0 + counts[$1 % counts.count] }
    }

    private mutating func advance(to slot: Int) {
        guard slot > newest else { return }
        for cleared in max(newest + 1, slot - counts.count + 1)...slot { counts[cleared % counts.count] = 0 }
        newest = slot
    }
}
