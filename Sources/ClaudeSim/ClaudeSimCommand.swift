import ArgumentParser
import Glibc
import NIOCore

/// The command line.
@main
struct ClaudeSimCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "claude-sim",
        abstract: "A simulated Claude API for tests: same wire format, chosen limits, latencies and faults.",
        discussion: HelpText.discussion
    )

    @Option(help: ArgumentHelp("Where to listen; port 0 picks a free one.", valueName: "host:port"))
    var listen = "127.0.0.1:8788"

    @Option(help: "Event loop threads, 1 to 64.")
    var threads = 1

    @Option(help: "Accepted keys, separated by commas. Default: any.")
    var keys: String?

    @Option(
        help: ArgumentHelp(
            "Keys that share an organization and its limits; repeatable. Default: each key is one by itself.",
            valueName: "name=key,key"))
    var org: [String] = []

    @OptionGroup(title: "Limits")
    var limits: LimitOptions

    @Option(help: "Time before an answer: 0, 50ms, uniform:20ms-80ms, lognormal:200ms,0.5 (median, sigma), exp:100ms.")
    var latency = "0"

    @Option(help: "Time between two deltas of a stream, in the same forms.")
    var tokenInterval = "0"

    @Option(help: ArgumentHelp("A fault and its probability; repeatable.", valueName: "kind=p"))
    var fault: [String] = []

    @Option(
        help: ArgumentHelp("A client address that is answered as an unsupported region; repeatable.", valueName: "addr")
    )
    var refuseSource: [String] = []

    @Option(help: "The delay of the fault slow-first-byte.")
    var slow = "5s"

    @Option(help: "Words, which are tokens here, of an answer that max_tokens does not cut; 1 to 100000.")
    var outputTokens = 40

    @Option(help: "Seed of all chance. Equal seeds treat the n-th attempt of a body equally.")
    var seed: UInt64 = 1

    @Option(help: "Distinct bodies whose executions are counted.")
    var maxTracked = 2_000_000

    @Flag(help: "No live line on standard error.")
    var quiet = false

    func run() async throws {
        let settings = try validated { () throws(SettingError) in try makeSettings() }
        let address = try validated { () throws(SettingError) in try ListenAddress(listen) }
        EndingSignals.exitAtOnce()
        let server = try await SimulatorServer.start(settings, host: address.host, port: address.port, threads: threads)
        print("claude-sim listening on http://\(address.urlHost):\(server.port)")
        fflush(nil)
        if !quiet && isatty(STDERR_FILENO) == 1 { try await StatusLine(server.simulator).run() }
        try await server.closed()
    }

    /// Everything but the address; nothing is bound yet.
    func makeSettings() throws(SettingError) -> SimulatorSettings {
        guard (1...64).contains(threads) else { throw SettingError("threads is \(threads); it must be from 1 to 64.") }
        guard (1...100_000).contains(outputTokens) else {
            throw SettingError("output-tokens is \(outputTokens); it must be from 1 to 100000.")
        }
        guard maxTracked >= 1 else { throw SettingError("max-tracked is \(maxTracked); it must be at least 1.") }
        guard let slowness = DurationText.parse(slow) else {
            throw SettingError("'\(slow)' is not a duration up to an hour: use for example 500ms or 5s.")
        }
        var settings = SimulatorSettings()
        settings.seed = seed
        settings.keys = keys.map { Set($0.split(separator: ",").map(String.init)) }
        settings.organizations = try Organizations(arguments: org)
        settings.refusedSources = Set(refuseSource)
        settings.limits = try limits.limits()
        settings.faults = try FaultPlan(arguments: fault)
        settings.latency = try LatencyDistribution(latency)
        settings.tokenInterval = try LatencyDistribution(tokenInterval)
        settings.slowness = slowness
        settings.outputTokens = outputTokens
        settings.maxTracked = maxTracked
        return settings
    }

    private func validated<Value>(_ make: () throws(SettingError) -> Value) throws -> Value {
        do throws(SettingError) {
            return try make()
        } catch {
            throw ValidationError(error.description)
        }
    }
}
