/// Reads when the upstream wants to be called again, as the official SDKs do: `retry-after-ms`, then `retry-after` as a
/// number of seconds (fractions allowed), then as an HTTP date.
package enum RetryAfter {
    /// nil if the headers say nothing, or something that is not a time to come.
    package static func read(_ headers: [HeaderField], at now: Timestamp) -> Duration? {
        if let text = headers.first("retry-after-ms"), let delay = duration(text, unit: .milliseconds(1)) {
            return delay
        }
        guard let text = headers.first("retry-after") else { return nil }
        if let delay = duration(text, unit: .seconds(1)) { return delay }
        guard let date = HTTPDate.read(text) else { return nil }
        let delay = date.duration(since: now)
        return delay > .zero ? delay : nil
    }

    /// At most a year: what lies beyond is not a delay but a mistake, and must not overflow.
    private static func duration(_ text: String, unit: Duration) -> Duration? {
        guard let number = Double(text), number > 0, number.isFinite else { return nil }
        let seconds = min(number * unit.seconds, 366 * 86_400)
        return .microseconds(Int64((seconds * 1_000_000).rounded(.up)))
    }
}
