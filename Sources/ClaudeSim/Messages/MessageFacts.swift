/// What an answer is about; everything in it follows from these.
struct MessageFacts: Hashable, Sendable {
    let fingerprint: Fingerprint
    let modelLiteral: String
    /// All of them, read from the prompt cache or not.
    let inputTokens: Int
    /// How many words the answer has, the echo included.
    let outputTokens: Int
    let stopReason: String
    /// The JSON text of the name of the tool that the answer uses; nil for an answer in words.
    let toolLiteral: String?
    /// Whether a thinking block comes first.
    let thinks: Bool
    var cache = CacheUse.none

    /// - Parameter fullLength: the output tokens of an answer that `max_tokens` does not cut.
    init(fields: RequestFields, fingerprint: Fingerprint, bodyBytes: Int, fullLength: Int) {
        self.fingerprint = fingerprint
        modelLiteral = fields.modelLiteral
        inputTokens = Self.tokens(bodyBytes: bodyBytes)
        let allowed = fields.maxTokens ?? fullLength
        outputTokens = min(allowed, fullLength)
        toolLiteral = fields.toolLiteral
        thinks = fields.thinks
        stopReason = allowed < fullLength ? "max_tokens" : toolLiteral == nil ? "end_turn" : "tool_use"
    }

    /// Four bytes a token, at least one: 2048 bytes are 512 tokens.
    static func tokens(bodyBytes: Int) -> Int {
        max(1, bodyBytes / 4)
    }

    /// The same for the same body: two answers to it do not differ in a byte.
    var messageID: String {
        "msg_sim" + Fingerprint.hex(SeededGenerator.mix(fingerprint.value))
    }
}
