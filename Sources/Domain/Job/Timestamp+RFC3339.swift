extension Timestamp {
    /// As the Claude API prints times: `2026-11-23T14:05:09.123456Z`. Years 0000 to 9999; others are clamped.
    package var rfc3339: String {
        let clamped = min(max(microseconds, Self.yearZero), Self.yearTenThousand - 1)
        let seconds = clamped.flooredQuotient(by: 1_000_000)
        let days = seconds.flooredQuotient(by: 86_400)
        let date = CivilDate(daysSince1970: days)
        let second = seconds - days * 86_400
        let fraction = clamped - seconds * 1_000_000
        return String(unsafeUninitializedCapacity: 27) { text in
            var writer = DigitWriter(text: text)
            writer.append(date.year, 4, "-")
            writer.append(date.month, 2, "-")
            writer.append(date.day, 2, "T")
            writer.append(second / 3600, 2, ":")
            writer.append(second / 60 % 60, 2, ":")
            writer.append(second % 60, 2, ".")
            writer.append(fraction, 6, "Z")
            return writer.count
        }
    }

    /// Reads RFC 3339: a date, `T`, a time with up to 9 decimals, then `Z` or an offset such as `+02:00`. nil otherwise.
    /// Digits past microseconds are cut off; second 60 is refused.
    package init?(rfc3339 text: some StringProtocol) {
        var reader = DigitReader(text)
        guard let year = reader.number(4), reader.skip("-"), let month = reader.number(2), reader.skip("-"),
            let day = reader.number(2), reader.skip("Tt"), let hour = reader.number(2), reader.skip(":"),
            let minute = reader.number(2), reader.skip(":"), let second = reader.number(2),
            let fraction = reader.microseconds(), let offset = reader.offsetMinutes(), reader.isAtEnd,
            hour < 24, minute < 60, second < 60, let date = CivilDate(year: year, month: month, day: day)
        else { return nil }
        let seconds = date.daysSince1970 * 86_400 + hour * 3600 + (minute - offset) * 60 + second
        self.init(microseconds: seconds * 1_000_000 + fraction)
    }

    private static let yearZero: Int64 = -62_167_219_200_000_000
    private static let yearTenThousand: Int64 = 253_402_300_800_000_000
}

/// Puts numbers of a fixed width into a text, without the short strings that a time printed otherwise is made of.
private struct DigitWriter {
    let text: UnsafeMutableBufferPointer<UInt8>
    private(set) var count = 0

    init(text: UnsafeMutableBufferPointer<UInt8>) {
        self.text = text
    }

    /// - Parameter number: 0 or more, of at most `width` digits.
    mutating func append(_ number: Int64, _ width: Int, _ separator: Unicode.Scalar) {
        var rest = number
        for index in (count..<count + width).reversed() {
            text[index] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        text[count + width] = UInt8(ascii: separator)
        count += width + 1
    }
}

/// A day of the proleptic Gregorian calendar, after Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".
struct CivilDate {
    let year: Int64
    let month: Int64
    let day: Int64

    init(daysSince1970 days: Int64) {
        let shifted = days + 719_468  // since 0000-03-01
        let era = shifted.flooredQuotient(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153  // 0 is March
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// nil if there is no such day.
    init?(year: Int64, month: Int64, day: Int64) {
        self.year = year
        self.month = month
        self.day = day
        guard (1...12).contains(month), day >= 1 else { return nil }
        let back = CivilDate(daysSince1970: daysSince1970)
        guard back.month == month, back.day == day else { return nil }
    }

    var daysSince1970: Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear.flooredQuotient(by: 400)
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}

/// Takes fixed-width numbers and separators off the front of a text.
private struct DigitReader {
    private var rest: Substring.UTF8View

    init(_ text: some StringProtocol) {
        rest = Substring(text).utf8
    }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func number(_ width: Int) -> Int64? {
        let digits = rest.prefix(width)
        guard digits.count == width, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        rest = rest.dropFirst(width)
        return digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }

    mutating func skip(_ allowed: String) -> Bool {
        guard let next = rest.first, allowed.utf8.contains(next) else { return false }
        rest = rest.dropFirst()
        return true
    }

    /// The decimals after a point, in microseconds; 0 if there is no point.
    mutating func microseconds() -> Int64? {
        guard skip(".") else { return 0 }
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        guard (1...9).contains(digits.count) else { return nil }
        rest = rest.dropFirst(digits.count)
        let padded = digits.prefix(6) + [UInt8](repeating: 0x30, count: max(0, 6 - digits.count))
        return padded.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }

    /// What to subtract to get UTC.
    mutating func offsetMinutes() -> Int64? {
        if skip("Zz") { return 0 }
        let isEast = rest.first == 0x2B
        guard skip("+-"), let hours = number(2), skip(":"), let minutes = number(2), hours < 24, minutes < 60 else {
            return nil
        }
        return (isEast ? 1 : -1) * (hours * 60 + minutes)
    }
}

extension Int64 {
    /// Rounded towards minus infinity; `divisor` is more than 0.
    func flooredQuotient(by divisor: Int64) -> Int64 {
        self >= 0 ? self / divisor : (self - divisor + 1) / divisor
    }
}
