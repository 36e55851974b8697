/// The words of every answer: the first is `echo:` with the body's fingerprint, one word is one output token.
struct FillerText: Sendable {
    private static let words = [
        "the", "relay", "waits", "for", "its", "turn", "and", "then", "sends", "each", "job", "once", "with", "care",
        "over", "wires",
    ]

    /// The most words there are.
    let count: Int
    private let text: [UInt8]
    /// `ends[n]` is where the text with n filler words ends.
    private let ends: [Int]

    /// - Parameter count: output tokens of a full answer, the echo included; at least 1.
    init(count: Int) {
        var text: [UInt8] = []
        var ends = [0]
        for position in 0..<max(0, count - 1) {
            text += Array(" \(Self.words[position % Self.words.count])".utf8)
            ends.append(text.count)
        }
        self.count = max(1, count)
        self.text = text
        self.ends = ends
    }

    /// The first `count` filler words, each with a space before it; the echo is not among them.
    func prefix(_ count: Int) -> ArraySlice<UInt8> {
        text[0..<ends[min(max(count, 0), ends.count - 1)]]
    }

    /// One filler word with the space before it. `position` is from 0 to `count - 2`.
    func word(_ position: Int) -> ArraySlice<UInt8> {
        text[ends[position]..<ends[position + 1]]
    }
}
