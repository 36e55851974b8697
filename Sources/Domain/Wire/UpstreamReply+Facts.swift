extension UpstreamReply {
    /// What the answer's `usage` says; nil if there is none to read (an error, a compressed body, a stream).
    package var usage: TokenUsage? {
        (try? JSONScanner.members(of: body)).flatMap { TokenUsage(of: $0, in: body) }
    }

    /// Whether it is what the API never says: an error with neither its envelope nor its `request-id`, or a page. Something
    /// between here and there, on the way or at the provider's edge, has answered by itself.
    package var isForeign: Bool {
        guard requestID == nil, errorWord == nil else { return false }
        switch status {
        case 413, 414, 431: return false  // the edge says that of the call
        case 300..<400, 401, 402, 403, 408, 429, 500...: return true
        default: return ErrorSummary(body).isHTML
        }
    }

    /// The envelope's `error_code`, or else its `type`; nil unless it is an error envelope.
    package var errorWord: String? {
        guard status >= 400 else { return nil }
        let summary = ErrorSummary(body)
        return summary.code ?? summary.type
    }
}

extension TokenUsage {
    /// What a streamed answer has said of its usage: by its `message_start`, and later ones by its last `message_delta`.
    package init?(streamStart start: [UInt8], delta: [UInt8]) {
        let message = (try? JSONScanner.members(of: start))?.last { $0.key == "message" && $0.kind == .object }
        let members = message.flatMap { try? JSONScanner.members(of: start, in: $0.value) }
        let first = members.flatMap { TokenUsage(of: $0, in: start) }
        let last = (try? JSONScanner.members(of: delta)).flatMap { Self.numbers(of: $0, in: delta) }
        guard let output = last?("output_tokens") ?? first?.output, first != nil || last?("input_tokens") != nil else {
            return nil
        }
        let hour = first?.hourCacheCreation ?? 0
        let creation = last?("cache_creation_input_tokens") ?? first.map { $0.cacheCreation + hour } ?? 0
        self.init(
            input: last?("input_tokens") ?? first?.input ?? 0, output: output,
            cacheCreation: max(0, creation - hour), hourCacheCreation: min(hour, creation),
            cacheRead: last?("cache_read_input_tokens") ?? first?.cacheRead ?? 0)
    }

    /// The `usage` among `members` of an object of `document`.
    fileprivate init?(of members: [JSONMember], in document: [UInt8]) {
        guard let number = Self.numbers(of: members, in: document), let input = number("input_tokens"),
            let output = number("output_tokens")
        else { return nil }
        let creation = number("cache_creation_input_tokens") ?? 0
        let hour = min(Self.hourCacheCreation(of: members, in: document) ?? 0, creation)
        self.init(
            input: input, output: output, cacheCreation: creation - hour, hourCacheCreation: hour,
            cacheRead: number("cache_read_input_tokens") ?? 0)
    }

    /// Of `usage.cache_creation`, what is kept for an hour.
    private static func hourCacheCreation(of members: [JSONMember], in document: [UInt8]) -> Int? {
        guard let usage = members.last(where: { $0.key == "usage" && $0.kind == .object }),
            let fields = try? JSONScanner.members(of: document, in: usage.value),
            let creation = fields.last(where: { $0.key == "cache_creation" && $0.kind == .object }),
            let parts = try? JSONScanner.members(of: document, in: creation.value)
        else { return nil }
        return parts.last { $0.key == "ephemeral_1h_input_tokens" }
            .flatMap { JSONScanner.integer(document, at: $0.value) }.flatMap { plausible.contains($0) ? $0 : nil }
    }

    private static func numbers(of members: [JSONMember], in document: [UInt8]) -> ((String) -> Int?)? {
        let usage = members.last { $0.key == "usage" && $0.kind == .object }
        guard let usage, let fields = try? JSONScanner.members(of: document, in: usage.value) else { return nil }
        return { key in
            fields.last { $0.key == key }.flatMap { JSONScanner.integer(document, at: $0.value) }
                .flatMap { plausible.contains($0) ? $0 : nil }
        }
    }

    /// Tokens of one call; what claims more is not counted with.
    private static let plausible = 0...1_000_000_000
}
