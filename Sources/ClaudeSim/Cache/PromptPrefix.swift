/// The beginning of a request that the prompt cache may keep: model, tools, system and messages, in this order.
struct PromptPrefix: Hashable, Sendable {
    /// A place up to which the prefix is looked up and kept.
    struct Breakpoint: Hashable, Sendable {
        let fingerprint: Fingerprint
        let bytes: Int
    }

    static let none = PromptPrefix(breakpoints: [])
    /// In the order of the request: each contains the ones before it.
    let breakpoints: [Breakpoint]

    private init(breakpoints: [Breakpoint]) {
        self.breakpoints = breakpoints
    }

    /// - Parameters:
    ///   - sections: where `tools`, `system` and `messages` stand in `body`, in this order; nil what is missing.
    ///   - body: valid JSON.
    init(modelLiteral: String, tools: Range<Int>?, system: Range<Int>?, messages: Range<Int>?, body: [UInt8]) {
        var walk = PrefixWalk(body, seed: Array(modelLiteral.utf8))
        for section in [tools, system, messages] { walk.pass(section) }
        breakpoints = walk.breakpoints
    }
}

/// Hashes sections one after another and takes note at each block that is marked with `cache_control`.
///
/// The marks themselves are left out: a later request marks other blocks of the same conversation.
private struct PrefixWalk {
    private static let key = Array(#""cache_control""#.utf8)

    private let body: [UInt8]
    private var hash: Fingerprint
    private var bytes = 0
    private(set) var breakpoints: [PromptPrefix.Breakpoint] = []

    init(_ body: [UInt8], seed: [UInt8]) {
        self.body = body
        hash = Fingerprint(of: seed)
    }

    private mutating func mark() {
        breakpoints.append(.init(fingerprint: hash, bytes: bytes))
    }

    mutating func pass(_ section: Range<Int>?) {
        var offset = section?.lowerBound ?? 0
        let end = section?.upperBound ?? 0
        while let mark = nextMark(in: offset..<end) {
            take(offset..<mark.member.lowerBound)
            take(mark.member.upperBound..<mark.blockEnd)
            self.mark()
            offset = mark.blockEnd
        }
        take(offset..<end)
        hash.append([0])  // what ends one section does not begin the next
    }

    private mutating func take(_ range: Range<Int>) {
        hash.append(body[range])
        bytes += range.count
    }

    /// The member `cache_control`, with a comma of it, and where the block that has it ends.
    private func nextMark(in range: Range<Int>) -> (member: Range<Int>, blockEnd: Int)? {
        var offset = range.lowerBound
        while let start = body[offset..<range.upperBound].firstRange(of: Self.key)?.lowerBound {
            offset = start + Self.key.count
            var reader = JSONReader(body, at: offset)
            guard reader.peek() == UInt8(ascii: ":"), let value = try? reader.skipMemberValue() else { continue }
            guard body[value.lowerBound] == UInt8(ascii: "{") else { continue }
            let comma = commaBefore(start)
            let isFollowed = reader.peek() == UInt8(ascii: ",")
            let end = comma == start && isFollowed ? reader.offset + 1 : value.upperBound
            guard let blockEnd = try? reader.skipRestOfObject() else { continue }
            return (comma..<end, blockEnd)
        }
        return nil
    }

    private func commaBefore(_ start: Int) -> Int {
        var offset = start - 1
        while offset > 0, [0x20, 0x09, 0x0A, 0x0D].contains(body[offset]) { offset -= 1 }
        return body[offset] == UInt8(ascii: ",") ? offset : start
    }
}
