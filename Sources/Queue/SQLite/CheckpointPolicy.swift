/// When the write-ahead log is moved into the file, and by whom. Pure; lengths in pages.
///
/// A checkpoint beside the writer moves most of a long log without holding anybody up, but cannot end while the writer
/// goes on. So the writer does the short rest itself, and begins the log anew. Only when the log grows in spite of it
/// (the disk is slower than the writers) does the writer do a long one, which holds intake back until the disk has
/// caught up.
struct CheckpointPolicy {
    enum Step: Hashable {
        case none
        /// Beside the writer.
        case background
        /// By the writer, at once.
        case writer
    }

    /// A log of this length is worth moving. 8 MiB of pages.
    static let worthwhile = 1024
    /// A rest of this length costs the writer little. 1 MiB of pages.
    static let short = 128
    /// Beyond this the writer moves it whatever it costs. 64 MiB of pages.
    static let tooLong = 8192

    /// The log's length when the background has last moved all it saw; nil if it has not since the log began anew.
    private var moved: Int?
    private var isMoving = false
    /// Whether the log must not be moved any more.
    private(set) var isOver = false

    /// A transaction has ended with a log of `length`.
    mutating func committed(length: Int) -> Step {
        guard !isOver else { return .none }
        guard length >= Self.worthwhile else {
            moved = nil
            return .none
        }
        if isMoving { return length >= Self.tooLong ? .writer : .none }
        if let moved, length - moved <= Self.short || length >= Self.tooLong {
            self.moved = nil
            return .writer
        }
        isMoving = true
        return .background
    }

    /// The background has moved the log up to `length`.
    mutating func finished(length: Int) {
        isMoving = false
        moved = length
    }

    /// From now on the log is not moved.
    mutating func end() {
        isOver = true
    }
}
