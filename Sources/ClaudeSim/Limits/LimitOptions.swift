import ArgumentParser

/// The limits on the command line; without one there is none.
struct LimitOptions: ParsableArguments {
    @Option(help: "Requests per second.")
    var rps: Double?

    @Option(help: "Requests that may come at once. Default: rps, rounded up.")
    var burst: Int?

    @Option(help: "Requests in flight.")
    var concurrency: Int?

    @Option(help: "Input tokens per minute, those read from the prompt cache left out.")
    var inputTokensPerMinute: Int?

    @Option(help: "Output tokens per minute.")
    var outputTokensPerMinute: Int?

    @Option(help: "How many times the requests of 10 s may be those of the 10 s before; 10 always pass.")
    var ramp: Double?

    func limits() throws(SettingError) -> Limits {
        try Limits(
            rps: rps, burst: burst, concurrency: concurrency, inputTokensPerMinute: inputTokensPerMinute,
            outputTokensPerMinute: outputTokensPerMinute, ramp: ramp)
    }
}
