import Domain

/// Durations as people write them: a number and `us`, `ms`, `s`, `m`, `h` or `d`.
enum DurationText {
    private static let units: [(name: String, length: Duration)] = [
        ("d", .seconds(86_400)), ("h", .seconds(3600)), ("m", .seconds(60)), ("s", .seconds(1)),
        ("ms", .milliseconds(1)), ("us", .microseconds(1)),
    ]

    /// nil if `text` is not of that form, or longer than 100 years.
    static func parse(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let number = Double(digits), number.isFinite, number >= 0,
            let unit = units.first(where: { $0.name == text.dropFirst(digits.count) })
        else { return nil }
        let seconds = number * unit.length.seconds
        guard seconds <= 3_153_600_000 else { return nil }
        return .microseconds(Int64((seconds * 1_000_000).rounded()))
    }

    /// In the largest unit that leaves a whole number: 90 s → `90s`, 3,600 s → `1h`.
    static func print(_ duration: Duration) -> String {
        let total = duration.microseconds
        guard total != 0 else { return "0s" }
        for unit in units where total % unit.length.microseconds == 0 {
            return "\(total / unit.length.microseconds)\(unit.name)"
        }
        return "\(total)us"
    }
}
