import Domain
import TestSupport
import Testing

@Suite struct TimestampTests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00.000000Z", 0),
            ("2026-11-23T14:05:09.123456Z", 1_795_442_709_123_456),
            ("2024-02-29T23:59:59.999999Z", 1_709_251_199_999_999),
            ("1969-12-31T23:59:59.999999Z", -1),
            ("0000-01-01T00:00:00.000000Z", -62_167_219_200_000_000),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ] as [(String, Int64)])
    func `a timestamp prints and reads as the Claude API writes it`(text: String, microseconds: Int64) {
        #expect(Timestamp(microseconds: microseconds).rfc3339 == text)
        #expect(Timestamp(rfc3339: text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        ("2026-11-23T14:05:09Z", "2026-11-23T14:05:09.000000Z"),
        ("2026-11-23t14:05:09z", "2026-11-23T14:05:09.000000Z"),
        ("2026-11-23T14:05:09.5+02:00", "2026-11-23T12:05:09.500000Z"),
        ("2026-11-23T23:05:09.123456789-01:30", "2026-11-24T00:35:09.123456Z"),
    ])
    func `offsets and other precisions are understood`(text: String, canonical: String) {
        #expect(Timestamp(rfc3339: text)?.rfc3339 == canonical)
    }

    @Test(arguments: [
        "", "2026-11-23", "2026-11-23T14:05:09", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z", "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00Zx", "٢٠٢٦-01-01T00:00:00Z",
    ])
    func `what is not an instant is refused`(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test(arguments: UInt64(0)..<200)
    func `every instant survives printing and reading`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let instant = Timestamp(
            microseconds: .random(in: -62_167_219_200_000_000..<253_402_300_800_000_000, using: &random))
        #expect(Timestamp(rfc3339: instant.rfc3339) == instant)
    }

    @Test func `advancing saturates instead of overflowing`() {
        #expect(Timestamp(microseconds: .max).advanced(by: .seconds(1)).microseconds == .max)
        #expect(Timestamp(microseconds: .min).advanced(by: .seconds(-1)).microseconds == .min)
        #expect(Timestamp(microseconds: 5).advanced(by: .microseconds(-7)).microseconds == -2)
        #expect(Duration.seconds(Int64.max).microseconds == .max)
    }
}
