import NIOCore

/// Cuts a body that arrives in chunks into lines. Holds no more than one line of at most `limit` bytes.
struct LineSplitter {
    enum Line: Equatable {
        /// Without its end (`\n` or `\r\n`); may be empty.
        case text([UInt8])
        /// Longer than the limit; its bytes are dropped.
        case tooLong(Int)
    }

    let limit: Int
    private var pending: [UInt8] = []
    /// Counts the bytes that are dropped, too.
    private var length = 0

    /// Of the line that has begun.
    var bytesHeld: Int { pending.count }

    init(limit: Int) {
        self.limit = limit
    }

    /// The lines that `chunk` completes.
    mutating func feed(_ chunk: ByteBuffer) -> [Line] {
        var lines: [Line] = []
        var rest = chunk.readableBytesView[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            append(rest[..<end])
            lines.append(cut())
            rest = rest[(end + 1)...]
        }
        append(rest)
        return lines
    }

    /// The last line, if it did not end; nil if it is empty.
    mutating func finish() -> Line? {
        length == 0 ? nil : cut()
    }

    private mutating func append(_ bytes: some Collection<UInt8>) {
        length += bytes.count
        // One more than the limit, for the `\r` that may be cut off.
        if length <= limit + 1 { pending.append(contentsOf: bytes) }
    }

    private mutating func cut() -> Line {
        defer {
            pending.removeAll(keepingCapacity: pending.count < 1 << 16)
            length = 0
        }
        if length <= limit + 1, pending.last == UInt8(ascii: "\r") {
            pending.removeLast()
            length -= 1
        }
        return length > limit ? .tooLong(length) : .text(pending)
    }
}
