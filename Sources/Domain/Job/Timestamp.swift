/// A point in time as it is stored: microseconds since 1970-01-01T00:00:00Z, leap seconds ignored.
///
/// Microseconds, because the Message Batches API prints them and pacing above 1,000 requests/s needs them.
/// For waiting and timeouts use a `Clock`, which a wall-clock step cannot disturb.
package struct Timestamp: Hashable, Comparable, Sendable {
    /// Microseconds since 1970, UTC.
    package let microseconds: Int64

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.microseconds < right.microseconds
    }

    /// The instant `duration` later; earlier if it is negative. Saturates instead of overflowing.
    package func advanced(by duration: Duration) -> Timestamp {
        let (sum, overflow) = microseconds.addingReportingOverflow(duration.microseconds)
        if overflow { return Timestamp(microseconds: duration.microseconds > 0 ? .max : .min) }
        return Timestamp(microseconds: sum)
    }

    /// This instant, told by a clock that has since been set back by `step` to `now`: as far ahead of `now` as it was ahead
    /// of the old clock's time; `now` if it had come already.
    package func rebased(by step: Duration, to now: Timestamp) -> Timestamp {
        max(now, advanced(by: .zero - step))
    }

    /// How long from `earlier` until this instant; negative if `earlier` is later.
    package func duration(since earlier: Timestamp) -> Duration {
        .microseconds(microseconds - earlier.microseconds)
    }
}

extension Duration {
    /// The whole microseconds of this duration, the rest cut off. Saturates at ±292,000 years.
    package var microseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        if overflow { return seconds > 0 ? .max : .min }
        return scaled + attoseconds / 1_000_000_000_000
    }

    /// This duration in seconds, as a number to print or to scale.
    package var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
