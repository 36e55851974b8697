import Glibc

/// The calendar's clock, for headers only.
enum WallTime {
    /// Seconds since 1970 in UTC.
    static var seconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec)
    }
}
