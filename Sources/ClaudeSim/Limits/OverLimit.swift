/// Why a request is refused with 429, and for how long.
struct OverLimit: Hashable, Sendable {
    /// The raw value is its name in statistics.
    enum Reason: String, Hashable, Sendable {
        case requests, concurrency, ramp
        case inputTokens = "input_tokens"
        case outputTokens = "output_tokens"
    }

    let reason: Reason
    let message: String
    let retryAfter: Duration

    var envelope: ErrorEnvelope {
        .rateLimited(message, code: reason == .ramp ? "ramp_limit_exceeded" : nil)
    }
}
