import Glibc

/// How long something takes: read from a short text such as `lognormal:200ms,0.5`, sampled with a given generator.
enum LatencyDistribution: Hashable, Sendable {
    case fixed(Duration)
    case uniform(from: Duration, to: Duration)
    case lognormal(median: Duration, sigma: Double)
    case exponential(mean: Duration)

    static let none = LatencyDistribution.fixed(.zero)
    /// Nothing takes longer than this, whatever the draw.
    static let ceiling = Duration.seconds(3_600)

    /// - Throws: ``SettingError`` that quotes the text and shows the accepted forms.
    init(_ text: String) throws(SettingError) {
        guard let parsed = Self.parse(text) else {
            throw SettingError(
                "'\(text)' is not a latency: use 0, 50ms, uniform:20ms-80ms, lognormal:200ms,0.5 or exp:100ms."
            )
        }
        self = parsed
    }

    private static func parse(_ text: String) -> LatencyDistribution? {
        guard let colon = text.firstIndex(of: ":") else { return DurationText.parse(text).map { .fixed($0) } }
        let rest = text[text.index(after: colon)...]
        switch text[..<colon] {
        case "uniform":
            guard let (low, high) = pair(rest, separator: "-"), let from = DurationText.parse(low),
                let to = DurationText.parse(high), from <= to
            else { return nil }
            return .uniform(from: from, to: to)
        case "lognormal":
            guard let (middle, spread) = pair(rest, separator: ","), let median = DurationText.parse(middle),
                let sigma = Double(spread), (0...10).contains(sigma)
            else { return nil }
            return .lognormal(median: median, sigma: sigma)
        case "exp": return DurationText.parse(rest).map { .exponential(mean: $0) }
        default: return nil
        }
    }

    private static func pair(_ text: Substring, separator: Character) -> (Substring, Substring)? {
        let parts = text.split(separator: separator, omittingEmptySubsequences: false)
        return parts.count == 2 ? (parts[0], parts[1]) : nil
    }

    /// A draw between zero and ``ceiling``.
    func sample(using generator: inout some RandomNumberGenerator) -> Duration {
        switch self {
        case .fixed(let duration): return min(duration, Self.ceiling)
        case .uniform(let from, let to):
            return min(from + (to - from) * Double.random(in: 0...1, using: &generator), Self.ceiling)
        case .lognormal(let median, let sigma):
            return Self.bounded(median, times: exp(sigma * Self.standardNormal(using: &generator)))
        case .exponential(let mean):
            return Self.bounded(mean, times: -log(1 - Double.random(in: 0..<1, using: &generator)))
        }
    }

    /// Box and Muller's transform.
    private static func standardNormal(using generator: inout some RandomNumberGenerator) -> Double {
        let radius = (-2 * log(1 - Double.random(in: 0..<1, using: &generator))).squareRoot()
        return radius * cos(2 * .pi * Double.random(in: 0..<1, using: &generator))
    }

    private static func bounded(_ duration: Duration, times factor: Double) -> Duration {
        duration / .seconds(1) * factor >= ceiling / .seconds(1) ? ceiling : duration * factor
    }
}
