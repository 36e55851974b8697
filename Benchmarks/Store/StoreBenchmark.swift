import Domain
import FoundationEssentials
import Queue

/// Claim and settle in the store itself, at growing lengths of the queue: figures as JSON lines on standard output.
///
/// Usage: store-bench FOLDER ROWS [ROWS …]: each ROWS is a length to fill the queue up to, then to measure at.
@main
enum StoreBenchmark {
    private static let claimLimit = 100
    private static let measured = 10_000
    private static let body = [UInt8](repeating: UInt8(ascii: "x"), count: 128)

    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        guard let folder = arguments.first, arguments.count > 1 else {
            print("usage: store-bench FOLDER ROWS [ROWS …]")
            return
        }
        let store = try SQLiteJobStore.open(
            at: folder + "/relay.sqlite", configuration: JobStoreConfiguration(maxDepth: 100_000_000),
            clock: ContinuousClock())
        for rows in arguments.dropFirst().compactMap({ Int($0) }) {
            let filled = try await fill(store, upTo: rows)
            let rate = try await claimAndSettle(store)
            print(
                #"{"benchmark":"store-claim-settle","queued":\#(rows),"per_second":\#(Int(rate)),"#
                    + #""filled":\#(filled.count),"fill_per_second":\#(Int(filled.rate)),"claim_limit":\#(claimLimit)}"#
            )
        }
    }

    private static func fill(_ store: SQLiteJobStore, upTo rows: Int) async throws -> (count: Int, rate: Double) {
        let missing = max(0, rows - (try await store.counts(of: nil)[.queued] ?? 0))
        let took = try await ContinuousClock().measure {
            var left = missing
            while left > 0 {
                let count = min(left, 2000)
                _ = try await store.submit(jobs(count))
                left -= count
            }
        }
        return (missing, Double(missing) / max(took.seconds, 0.001))
    }

    private static func jobs(_ count: Int) throws -> [NewJob] {
        var random = SystemRandomNumberGenerator()
        let now = now()
        return try (0..<count).map { _ in
            guard let tenant = TenantID("bench") else { throw CancellationError() }
            return NewJob(
                id: .make(at: now, using: &random), tenant: tenant, body: body, headers: [], model: "m", createdAt: now,
                runAt: now)
        }
    }

    /// Jobs a second, claimed a hundred at a time and settled one by one, as a worker's attempts do.
    private static func claimAndSettle(_ store: SQLiteJobStore) async throws -> Double {
        let result = JobResult(status: 200, headers: [], body: body)
        let took = try await ContinuousClock().measure {
            var done = 0
            while done < measured {
                let claims = try await store.claim(
                    limit: claimLimit, bytes: .max, by: "bench", at: now(), for: .seconds(60))
                try await withThrowingTaskGroup { group in
                    for claim in claims { group.addTask { try await settle(claim, result, in: store) } }
                    try await group.waitForAll()
                }
                done += claims.count
            }
        }
        return Double(measured) / took.seconds
    }

    private static func settle(_ claim: Claim, _ result: JobResult, in store: SQLiteJobStore) async throws {
        let now = now()
        try await store.settle(
            Settlement(
                lease: claim.lease, outcome: .ended(.succeeded, result),
                attempt: AttemptRecord(
                    attempt: claim.lease.attempt, key: "k", egress: "direct", startedAt: now, endedAt: now, status: 200,
                    requestID: "req", verdict: "success", maybeBilled: false),
                bill: Bill(
                    model: claim.model, usage: TokenUsage(input: 100, output: 100), cost: Money(microdollars: 1800),
                    isPriced: true)))
    }

    private static func now() -> Timestamp {
        Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
    }
}
