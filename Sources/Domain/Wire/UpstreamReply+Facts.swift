extension UpstreamReply {
    /// What the answer's `usage` says; nil if there is none to read (an error, a compressed body).
    package var usage: TokenUsage? {
        guard let answer = try? JSONScanner.members(of: body), let usage = object("usage", of: answer) else {
            return nil
        }
        guard let input = number("input_tokens", of: usage), let output = number("output_tokens", of: usage) else {
            return nil
        }
        return TokenUsage(
            input: input, output: output, cacheCreation: number("cache_creation_input_tokens", of: usage) ?? 0,
            cacheRead: number("cache_read_input_tokens", of: usage) ?? 0)
    }

    /// The envelope's `error_code`, or else its `type`; nil unless it is an error envelope.
    package var errorWord: String? {
        guard status >= 400 else { return nil }
        let summary = ErrorSummary(body)
        return summary.code ?? summary.type
    }

    private func object(_ key: String, of members: [JSONMember]) -> [JSONMember]? {
        members.last { $0.key == key && $0.kind == .object }
            .flatMap { try? JSONScanner.members(of: body, in: $0.value) }
    }

    private func number(_ key: String, of members: [JSONMember]) -> Int? {
        members.last { $0.key == key }.flatMap { JSONScanner.integer(body, at: $0.value) }
    }
}
