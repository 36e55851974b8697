import Domain
import Queue

/// One bulk submission under way: collects lines into batches, submits them, and remembers one short answer a line.
///
/// At most one batch of payloads is held at a time. The answers, about 100 bytes a line, are kept until the client has
/// sent everything: a client that writes before it reads would otherwise block, and so would the relay.
struct BulkIntake {
    private static let batchLines = 500
    private static let batchBytes = 4 * 1024 * 1024

    private struct Pending {
        let answer: Int
        let line: Int
        let job: NewJob
    }

    let draft: JobDraft
    let store: any JobStore
    let wall: any WallClock
    private var answers: [[UInt8]] = []
    private var batch: [Pending] = []
    private var batchSize = 0
    private(set) var accepted = 0
    private(set) var refused = 0
    /// The first failure of the store, if there was one.
    private(set) var storeFailure: RelayError?

    init(draft: JobDraft, store: any JobStore, wall: any WallClock) {
        self.draft = draft
        self.store = store
        self.wall = wall
    }

    /// - Parameter number: the line's number in the body, from 1.
    mutating func add(_ line: [UInt8], number: Int) async {
        do {
            let job = try draft.job(line, at: wall.now())
            batch.append(Pending(answer: answers.count, line: number, job: job))
            answers.append([])
            batchSize += line.count
        } catch {
            refuse(error, line: number)
        }
        if batch.count >= Self.batchLines || batchSize >= Self.batchBytes { await submit() }
    }

    mutating func refuse(_ error: RelayError, line: Int) {
        answers.append(refusal(error, line: line))
    }

    /// Submits what is left. - Returns: the answer's lines.
    mutating func finish() async -> [UInt8] {
        await submit()
        return Array(answers.joined())
    }

    private mutating func submit() async {
        guard !batch.isEmpty else { return }
        let jobs = batch.map(\.job)
        do {
            let outcomes = try await store.submit(jobs)
            for (pending, outcome) in zip(batch, outcomes) { settle(pending, outcome) }
        } catch {
            let failure = RelayError(error)
            storeFailure = storeFailure ?? failure
            for pending in batch { answers[pending.answer] = refusal(failure, line: pending.line) }
        }
        batch.removeAll(keepingCapacity: true)
        batchSize = 0
    }

    private mutating func settle(_ pending: Pending, _ outcome: SubmitOutcome) {
        switch SubmitAnswer(outcome) {
        case .accepted(let id), .existing(let id):
            accepted += 1
            let text = #"{"line":\#(pending.line),"id":"\#(id.text)","status":"queued"}"#
            answers[pending.answer] = Array(text.utf8) + [UInt8(ascii: "\n")]
        case .refused(let error):
            answers[pending.answer] = refusal(error, line: pending.line)
        }
    }

    private mutating func refusal(_ error: RelayError, line: Int) -> [UInt8] {
        refused += 1
        var inner = JSONObject()
        inner.set("type", error.code.anthropicType)
        inner.set("message", "\(error.message) \(error.remedy)")
        inner.setRaw("details", Array(#"{"error_code":"\#(error.code.rawValue)"}"#.utf8))
        var json = JSONObject()
        json.set("line", line)
        json.setRaw("error", inner.closed())
        return json.closed() + [UInt8(ascii: "\n")]
    }
}

/// The store's outcome of a submission in the words of the API.
enum SubmitAnswer {
    case accepted(JobID)
    case existing(JobID)
    case refused(RelayError)

    init(_ outcome: SubmitOutcome) {
        switch outcome {
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
