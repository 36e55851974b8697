/// What each key may do; nil means without limit.
struct Limits: Hashable, Sendable {
    static let unlimited = Limits()

    /// Requests per second in the long run, more than 0.
    private(set) var rps: Double?
    /// Requests that may come at once after a pause.
    private(set) var burst = 1
    /// Requests in flight at one time.
    private(set) var concurrency: Int?

    private init() {}

    /// - Parameter burst: by default the whole number at or above `rps`.
    init(rps: Double?, burst: Int?, concurrency: Int?) throws(SettingError) {
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
        self.rps = rps
        self.burst = burst ?? max(1, Int((rps ?? 1).rounded(.up)))
        self.concurrency = concurrency
    }
}
