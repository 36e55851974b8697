/// Durations as people write them: `0`, `250us`, `50ms`, `1.5s`, `2m`.
enum DurationText {
    private static let units: [(suffix: String, seconds: Double)] = [
        ("us", 1e-6), ("ms", 1e-3), ("s", 1), ("m", 60),
    ]

    /// - Returns: nil unless the text is `0`, or a number from 0 to one hour with a unit.
    static func parse(_ text: some StringProtocol) -> Duration? {
        if text == "0" { return .zero }
        guard let unit = units.first(where: { text.hasSuffix($0.suffix) }),
            let first = text.first, first.isASCII, first.isNumber,
            let number = Double(text.dropLast(unit.suffix.count)), number.isFinite
        else { return nil }
        let seconds = number * unit.seconds
        return (0...3_600).contains(seconds) ? .seconds(seconds) : nil
    }
}
