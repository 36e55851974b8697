/// A calendar day or month, UTC: what a budget is for.
package struct BudgetPeriod: Hashable, Sendable {
    package enum Kind: Int, Hashable, Sendable, CaseIterable {
        case day = 0
        case month = 1
    }

    package let kind: Kind
    package let start: Timestamp

    package init(_ kind: Kind, containing instant: Timestamp) {
        self.kind = kind
        let days = instant.day
        start = Timestamp(day: kind == .day ? days : CivilDate(daysSince1970: days).firstOfMonth.daysSince1970)
    }

    /// The day and the month.
    package static func all(containing instant: Timestamp) -> [BudgetPeriod] {
        Kind.allCases.map { BudgetPeriod($0, containing: instant) }
    }

    /// When the next one begins.
    package var end: Timestamp {
        switch kind {
        case .day: Timestamp(day: start.day + 1)
        // 31 days after the first of a month lie in the next one.
        case .month: BudgetPeriod(.month, containing: Timestamp(day: start.day + 31)).start
        }
    }

    /// For people: `day 2026-11-23`, `month 2026-11`.
    package var words: String {
        let date = CivilDate(daysSince1970: start.day)
        return kind == .day ? "day \(date.text)" : "month \(date.text.dropLast(3))"
    }
}

extension Timestamp {
    /// Midnight, UTC, of the day of this number.
    init(day: Int64) {
        self.init(microseconds: day * Self.microsecondsPerDay)
    }

    /// The number of its day, UTC; 0 is 1970-01-01.
    var day: Int64 { microseconds.flooredQuotient(by: Self.microsecondsPerDay) }

    private static let microsecondsPerDay: Int64 = 86_400_000_000

    /// Midnight, UTC, of its day.
    package var startOfDay: Timestamp { Timestamp(day: day) }

    /// Its date, UTC: `2026-11-23`.
    package var dateText: String { CivilDate(daysSince1970: day).text }

    /// Midnight, UTC, of a date such as `2026-11-23`; nil if there is no such day.
    package init?(date text: some StringProtocol) {
        self.init(rfc3339: "\(text)T00:00:00Z")
    }
}

extension CivilDate {
    fileprivate var firstOfMonth: CivilDate { CivilDate(year: year, month: month, day: 1) ?? self }

    /// `2026-11-23`
    fileprivate var text: String {
        func padded(_ number: Int64, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
        }
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    }
}
