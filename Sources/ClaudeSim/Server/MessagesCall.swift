/// What the state needs to know of a well-formed Messages request.
struct MessagesCall: Sendable {
    /// The key as statistics call it.
    let account: String
    let organization: String
    let model: String
    let body: Fingerprint
    let script: FaultScript?
    let isStream: Bool
    /// All of them, read from the prompt cache or not.
    let inputTokens: Int
    let outputTokens: Int
    let prefix: PromptPrefix
}
