import Glibc
import Synchronization

/// The kernel's random numbers, fetched a page at a time: a call to the kernel for each would cost more than what is
/// named by it. For names, not for keys.
struct PooledRandom: RandomNumberGenerator {
    private static let pool = Mutex(Pool())

    mutating func next() -> UInt64 {
        Self.pool.withLock { $0.take() }
    }

    private struct Pool {
        /// 2 KiB.
        private static let size = 256
        private var words: [UInt64] = []

        mutating func take() -> UInt64 {
            if words.isEmpty { fill() }
            return words.removeLast()
        }

        private mutating func fill() {
            words = [UInt64](repeating: 0, count: Self.size)
            words.withUnsafeMutableBytes { bytes in
                guard let start = bytes.baseAddress else { return }
                arc4random_buf(start, bytes.count)
            }
        }
    }
}
