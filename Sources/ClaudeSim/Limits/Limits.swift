/// What each organization may do with each class of models; nil means without limit.
struct Limits: Hashable, Sendable {
    static let unlimited = Limits()

    /// Requests per second in the long run, more than 0.
    private(set) var rps: Double?
    /// Requests that may come at once after a pause.
    private(set) var burst = 1
    /// Requests in flight at one time.
    private(set) var concurrency: Int?
    /// Tokens read from the prompt cache are not counted.
    private(set) var inputTokensPerMinute: Int?
    private(set) var outputTokensPerMinute: Int?
    /// How many times the requests of ten seconds may be those of the ten before; at least 1.
    private(set) var ramp: Double?

    private init() {}

    /// - Parameter burst: by default the whole number at or above `rps`.
    init(
        rps: Double?, burst: Int?, concurrency: Int?, inputTokensPerMinute: Int? = nil,
        outputTokensPerMinute: Int? = nil, ramp: Double? = nil
    ) throws(SettingError) {
        if let rps, !(rps >= 0.001 && rps <= 1_000_000) {
            throw SettingError("rps is \(rps); it must be from 0.001 to 1000000.")
        }
        if let burst, !(1...1_000_000).contains(burst) {
            throw SettingError("burst is \(burst); it must be from 1 to 1000000.")
        }
        if burst != nil && rps == nil {
            throw SettingError("burst has no meaning without rps; give both.")
        }
        if let concurrency, concurrency < 1 {
            throw SettingError("concurrency is \(concurrency); it must be at least 1.")
        }
        if let ramp, !(1...1_000_000).contains(ramp) {
            throw SettingError("ramp is \(ramp); it must be from 1 to 1000000.")
        }
        try Self.checkTokens(inputTokensPerMinute, "input-tokens-per-minute")
        try Self.checkTokens(outputTokensPerMinute, "output-tokens-per-minute")
        self.rps = rps
        self.burst = burst ?? max(1, Int((rps ?? 1).rounded(.up)))
        self.concurrency = concurrency
        self.inputTokensPerMinute = inputTokensPerMinute
        self.outputTokensPerMinute = outputTokensPerMinute
        self.ramp = ramp
    }

    private static func checkTokens(_ tokens: Int?, _ name: String) throws(SettingError) {
        if let tokens, !(1...1_000_000_000_000).contains(tokens) {
            throw SettingError("\(name) is \(tokens); it must be from 1 to 1000000000000.")
        }
    }
}
