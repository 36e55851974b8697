import ArgumentParser
import Domain
import Queue

/// The options by which commands choose jobs.
struct JobFilter: ParsableArguments {
    @Option(help: "Only this tenant's.")
    var tenant: String?
    @Option(help: "Only those in this state: \(JobState.allCases.map(\.rawValue).joined(separator: ", ")).")
    var status: String?
    @Option(help: "Only those for this model.")
    var model: String?
    @Option(help: "Only those submitted since: a time such as 2026-11-23T14:05:09Z, or how long ago, such as 2h.")
    var since: String?
    @Option(help: "Only those submitted before: a time, or how long ago.")
    var before: String?
    @Flag(help: "Only dead letters: errored or expired, and not replayed.")
    var dead = false

    func query(limit: Int) throws -> JobQuery {
        var query = JobQuery(
            tenant: try tenant.map { try Self.parsed($0, as: TenantID.init, what: "tenant") },
            state: try status.map { try Self.parsed($0, as: JobState.init(rawValue:), what: "state") }, limit: limit)
        query.model = model
        query.since = try since.map { try Self.parsed($0, as: Self.time, what: "time") }
        query.until = try before.map { try Self.parsed($0, as: Self.time, what: "time") }
        query.isDeadLetter = dead
        return query
    }

    static func parsed<Value>(_ text: String, as parse: (String) -> Value?, what: String) throws -> Value {
        guard let value = parse(text) else { throw ValidationError("'\(text)' is no \(what).") }
        return value
    }

    static func time(_ text: String) -> Timestamp? {
        Timestamp(rfc3339: text) ?? DurationText.parse(text).map { SystemClock().now().advanced(by: .zero - $0) }
    }
}
