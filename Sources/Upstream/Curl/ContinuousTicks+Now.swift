import Glibc

extension ContinuousTicks {
    static var now: ContinuousTicks {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return ContinuousTicks(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}
