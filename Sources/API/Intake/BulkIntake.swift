import Domain
import Queue
import Synchronization

/// One bulk submission under way: collects lines into batches and submits them, the next one being read while the last
/// one is synced, and keeps one short answer a line.
///
/// At most two batches of payloads are held at a time. The answers, about 100 bytes a line, are kept until the client has
/// sent everything: a client that writes before it reads would otherwise block, and so would the relay.
struct BulkIntake {
    /// Worth a transaction of their own while the store has nothing else to do.
    private static let firstLines = 64
    private static let batchLines = 500
    private static let batchBytes = 4 * 1024 * 1024
    /// Refusals that are answered in full. Who sends more of them has read enough; the others say their code alone.
    private static let explainedRefusals = 1000

    /// What became of a line before the store had its say.
    private enum Entry {
        case job(line: Int)
        case refusal(RelayError, line: Int)
    }

    /// A batch on its way into the store.
    private struct Flight {
        let entries: [Entry]
        let bytes: Int
        let outcome: Task<Result<[SubmitOutcome], JobStoreError>, Never>
        let arrival: Arrival
    }

    private final class Arrival: Sendable {
        let hasCome = Atomic(false)
    }

    let draft: JobDraft
    let store: any JobStore
    let wall: any WallClock
    /// Asked before each batch: throws if the credential of the submission holds no more.
    private let mayGoOn: @Sendable () async throws(RelayError) -> Void
    /// Whether it has ceased to hold: nothing that follows is taken.
    private(set) var isForbidden = false
    private var answers: [UInt8] = []
    private var entries: [Entry] = []
    private var jobs: [NewJob] = []
    private var batchSize = 0
    private var flight: Flight?
    private(set) var accepted = 0
    private(set) var refused = 0
    /// The first refusal that is not the fault of its line (a failure of the store, a limit of the tenant, a credential that
    /// holds no more), if there was one.
    private(set) var failure: RelayError?

    /// Of lines that the store has not taken yet, and of answers.
    var bytesHeld: Int { batchSize + (flight?.bytes ?? 0) + answers.count }

    init(
        draft: JobDraft, store: any JobStore, wall: any WallClock,
        mayGoOn: @escaping @Sendable () async throws(RelayError) -> Void
    ) {
        self.draft = draft
        self.store = store
        self.wall = wall
        self.mayGoOn = mayGoOn
    }

    /// - Parameter number: the line's number in the body, from 1.
    mutating func add(_ line: [UInt8], number: Int) async {
        do {
            let job = try draft.job(line, at: wall.now())
            entries.append(.job(line: number))
            jobs.append(job)
            batchSize += line.count
        } catch {
            refuse(error, line: number)
        }
        let isFull = jobs.count >= Self.batchLines || batchSize >= Self.batchBytes
        if isFull || entries.count >= 10 * Self.batchLines || isStoreIdle && jobs.count >= Self.firstLines {
            await depart()
        }
    }

    private var isStoreIdle: Bool { flight?.arrival.hasCome.load(ordering: .acquiring) ?? true }

    mutating func refuse(_ error: RelayError, line: Int) {
        entries.append(.refusal(error, line: line))
    }

    /// No line from this one on is taken, which is no fault of theirs.
    mutating func stop(_ error: RelayError, line: Int) {
        failure = failure ?? error
        refuse(error, line: line)
    }

    /// Submits what is left. - Returns: the answer's lines.
    mutating func finish() async -> [UInt8] {
        await settle()
        return answers
    }

    /// Submits what there is, and waits for what becomes of it.
    mutating func settle() async {
        await depart()
        await land()
    }

    /// Sends the batch off, once the one before has arrived.
    private mutating func depart() async {
        await land()
        guard !entries.isEmpty else { return }
        do { try await mayGoOn() } catch { return forbid(error) }
        let (store, batch, arrival) = (store, jobs, Arrival())
        // Not a child of anything: the next batch is read meanwhile, and `land` always waits for it.
        let outcome = Task { () -> Result<[SubmitOutcome], JobStoreError> in
            defer { arrival.hasCome.store(true, ordering: .releasing) }
            do throws(JobStoreError) { return .success(try await store.submit(batch)) } catch { return .failure(error) }
        }
        flight = Flight(entries: entries, bytes: batchSize, outcome: outcome, arrival: arrival)
        entries.removeAll(keepingCapacity: true)
        jobs = []
        batchSize = 0
    }

    /// Refuses what has been collected.
    private mutating func forbid(_ error: RelayError) {
        isForbidden = true
        failure = failure ?? error
        for entry in entries {
            switch entry {
            case .refusal(let own, let line): answerRefusal(own, line: line)
            case .job(let line): answerRefusal(error, line: line)
            }
        }
        entries = []
        (jobs, batchSize) = ([], 0)
    }

    /// Waits for the batch under way and writes its answers.
    private mutating func land() async {
        guard let flight else { return }
        self.flight = nil
        let result = await flight.outcome.value
        var next = 0
        for entry in flight.entries {
            switch entry {
            case .refusal(let error, let line): answerRefusal(error, line: line)
            case .job(let line):
                answer(result.map { $0[next] }, line: line)
                next += 1
            }
        }
    }

    private mutating func answer(_ result: Result<SubmitOutcome, JobStoreError>, line: Int) {
        switch result.map({ SubmitAnswer($0, at: wall.now()) }) {
        case .success(.accepted(let id)), .success(.existing(let id)):
            accepted += 1
            answers += Array(#"{"line":\#(line),"id":"\#(id.text)","status":"queued"}"#.utf8)
            answers.append(UInt8(ascii: "\n"))
        case .success(.refused(let error)):
            if error.code.status == 429 { failure = failure ?? error }
            answerRefusal(error, line: line)
        case .failure(let error):
            let refusal = RelayError(error)
            failure = failure ?? refusal
            answerRefusal(refusal, line: line)
        }
    }

    private mutating func answerRefusal(_ error: RelayError, line: Int) {
        refused += 1
        var inner = JSONObject()
        inner.set("type", error.code.anthropicType)
        if refused <= Self.explainedRefusals { inner.set("message", "\(error.message) \(error.remedy)") }
        inner.setRaw("details", Array(#"{"error_code":"\#(error.code.rawValue)"}"#.utf8))
        var json = JSONObject()
        json.set("line", line)
        json.setRaw("error", inner.closed())
        answers += json.closed()
        answers.append(UInt8(ascii: "\n"))
    }
}

/// The store's outcome of a submission in the words of the API.
enum SubmitAnswer {
    case accepted(JobID)
    case existing(JobID)
    case refused(RelayError)

    init(_ outcome: SubmitOutcome, at now: Timestamp) {
        switch outcome {
        case .refused(let refusal): self = .refused(RelayError(refusal, at: now))
        case .accepted(let id): self = .accepted(id)
        case .existing(let id): self = .existing(id)
        case .idempotencyConflict(let id):
            self = .refused(
                RelayError(
                    .idempotencyConflict, "The Idempotency-Key was used for another submission, which is \(id).",
                    remedy: "Use a new key for a new submission."))
        case .unknownEndpoint(let id):
            self = .refused(
                RelayError(
                    .webhookUnknown, "There is no webhook endpoint \(id.prefix(64)).",
                    remedy: "Register it with POST /v1/webhooks, or name a URL."))
        }
    }
}
