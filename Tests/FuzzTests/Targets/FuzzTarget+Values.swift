import Domain

extension FuzzTarget {
    /// Numbers and times in headers, of the upstream and of clients: read or not, never out of range.
    static let headerValues = FuzzTarget(
        name: "header-values",
        seeds: [
            "7", "0.5", "1500", "Wed, 21 Oct 2026 07:28:00 GMT", "2026-11-26T23:59:60.123456Z",
            "2026-02-29T00:00:00+01:00", "2028-02-29T12:30:00-23:59", "1000", "1e3",
        ],
        words: [
            "e308", "e19", "1e400", "inf", "nan", "-", "+", ".", "0x", "9223372036854775807", "9999-12-31", "T", "Z",
            "+24:00", "00:00:00", " GMT", "Mon, ", "0000", "\u{0}", "٣", ":", "99",
        ]
    ) { input in
        let text = String(decoding: input, as: UTF8.self)
        let now = Timestamp(microseconds: 1_790_000_000_000_000)
        for name in ["retry-after", "retry-after-ms"] {
            let wait = RetryAfter.read([HeaderField(name, text)], at: now) ?? .zero
            if wait < .zero { return "\(name) is \(wait)" }
        }
        for family in ["requests", "tokens", "input-tokens"] {
            let names = ["limit", "remaining", "reset"].map { "anthropic-ratelimit-\(family)-\($0)" }
            let fields = names.map { HeaderField($0, text) }
            _ = RateLimitReport(fields)
            _ = RateLimitReport([HeaderField(names[0], "1000")] + fields.dropFirst())
        }
        // An offset may lead out of the years that can be written.
        if let time = Timestamp(rfc3339: text), !text.hasPrefix("0000"), !text.hasPrefix("9999") {
            guard Timestamp(rfc3339: time.rfc3339) == time else { return "\(time.rfc3339) is not read back" }
        }
        return nil
    }
}
