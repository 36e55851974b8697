/// An amount of US dollars in whole micro-dollars (a millionth of a dollar): sums are exact.
package struct Money: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// What an amount that people write may be at most: a thousand million dollars.
    package static let limit = Money(microdollars: 1_000_000_000_000_000)
    package static let zero = Money(microdollars: 0)
    /// What ``init(dollars:)`` reads, for messages to people.
    package static let rule = "dollars such as 25 or 0.000125, at most 1000000000 and with at most 6 decimals"

    package let microdollars: Int

    package init(microdollars: Int) {
        self.microdollars = microdollars
    }

    /// Reads dollars as people write them: `25`, `0.5`, `0.000125`. nil if it is not of that form, or above ``limit``.
    package init?(dollars text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let whole = Self.number(parts[0], digits: 1...10) else { return nil }
        var micros = 0
        if parts.count == 2 {
            guard let decimals = Self.number(parts[1], digits: 1...6) else { return nil }
            micros = (parts[1].utf8.count..<6).reduce(decimals) { sum, _ in sum * 10 }
        }
        self.init(microdollars: whole * 1_000_000 + micros)
        guard self <= Self.limit else { return nil }
    }

    private static func number(_ text: some StringProtocol, digits: ClosedRange<Int>) -> Int? {
        guard digits.contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return text.utf8.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    /// Dollars with two to six decimals: `12.50`, `0.000125`. Exact.
    package var dollars: String {
        let (whole, rest) = microdollars.magnitude.quotientAndRemainder(dividingBy: 1_000_000)
        var decimals = String(rest)
        decimals = String(repeating: "0", count: 6 - decimals.utf8.count) + decimals
        while decimals.utf8.count > 2, decimals.last == "0" { decimals.removeLast() }
        return "\(microdollars < 0 ? "-" : "")\(whole).\(decimals)"
    }

    package var description: String { "$" + dollars }

    package static func < (left: Money, right: Money) -> Bool {
        left.microdollars < right.microdollars
    }

    package static func + (left: Money, right: Money) -> Money {
        Money(microdollars: left.microdollars + right.microdollars)
    }

    package static func - (left: Money, right: Money) -> Money {
        Money(microdollars: left.microdollars - right.microdollars)
    }
}
