import Domain
import Queue
import Vault

/// One batch on its way in: checks its requests and hands them to the store in slices. Holds one slice.
struct BatchIntake {
    /// Requests of one batch.
    static let requestLimit = 100_000
    private static let sliceRequests = 500
    private static let sliceBytes = 4 * 1024 * 1024

    let batch: NewBatch
    /// As they are when a request is read: a batch may take long.
    let limits: @Sendable () -> TenantLimits
    let prices: PriceList
    let store: any JobStore
    let wall: any WallClock
    let clock: any Clock<Duration>
    /// Asked before each slice, and before the batch is accepted: throws if its credential holds no more.
    private let mayGoOn: @Sendable () async throws(RelayError) -> Void
    /// Over all requests in their order, whatever space stands between them.
    private(set) var fingerprint: [UInt8] = []
    private let isFingerprinted: Bool
    private(set) var count = 0
    private var slice: [BatchItem] = []
    private var sliceSize = 0
    private var isBegun = false

    /// Of requests that are not in the store yet.
    var bytesHeld: Int { sliceSize }

    /// - Parameter isFingerprinted: whether ``fingerprint`` is wanted.
    init(
        _ batch: NewBatch, limits: @escaping @Sendable () -> TenantLimits, prices: PriceList, isFingerprinted: Bool,
        store: any JobStore, wall: any WallClock, clock: any Clock<Duration>,
        mayGoOn: @escaping @Sendable () async throws(RelayError) -> Void
    ) {
        self.batch = batch
        self.limits = limits
        self.prices = prices
        self.isFingerprinted = isFingerprinted
        self.store = store
        self.wall = wall
        self.clock = clock
        self.mayGoOn = mayGoOn
    }

    /// Takes one request, `{"custom_id": …, "params": …}`.
    /// - Throws: what makes the whole batch refused: a bad name, an unknown field, a model that the tenant may not call; bad
    ///   `params` are a result, not this.
    mutating func add(_ element: [UInt8]) async throws(RelayError) {
        count += 1
        guard count <= Self.requestLimit else {
            throw RelayError(
                .bulkTooLarge, "The batch has more than \(Self.requestLimit) requests; that is the limit.",
                remedy: "Send the others in another batch.")
        }
        let item = try item(of: element, path: "requests[\(count - 1)].")
        if isFingerprinted { fingerprint = Digest.sha256(fingerprint + Digest.sha256(element)) }
        slice.append(item)
        sliceSize += item.body.count
        if slice.count >= Self.sliceRequests || sliceSize >= Self.sliceBytes { try await store(slice) }
    }

    /// Accepts the batch. - Throws: also if it has no request.
    mutating func finish(_ idempotency: IdempotencyKey?) async throws(RelayError) -> BatchRecord {
        guard count > 0 else {
            throw RelayError(
                .batchInvalid, "The batch has no requests; allowed are 1 to \(Self.requestLimit).",
                remedy: "Send at least one.")
        }
        try await flush()
        try await mayGoOn()
        let (id, now) = (batch.id, wall.now())
        let opening = try await store.reading { store throws(JobStoreError) in
            try await store.openBatch(id, idempotency: idempotency, at: now)
        }
        switch opening {
        case .opened(let record), .existing(let record): return record
        case .idempotencyConflict(let first):
            throw RelayError(
                .idempotencyConflict, "The Idempotency-Key was used for another batch, which is \(first).",
                remedy: "Use a new key for a new batch.")
        case .refused(let refusal): throw RelayError(refusal, at: now)
        case .gone: throw Self.gone
        }
    }

    /// Stores what is held.
    mutating func flush() async throws(RelayError) {
        if !slice.isEmpty { try await store(slice) }
    }

    /// Gives up what has been stored, if anything has.
    func abandon() async {
        guard isBegun else { return }
        try? await store.abandonBatch(batch.id)  // if this fails, it is found abandoned later
    }

    // MARK: Slices

    private mutating func store(_ items: [BatchItem]) async throws(RelayError) {
        try await mayGoOn()
        let (batch, now) = (batch, wall.now())
        if !isBegun {
            try await store.reading { store throws(JobStoreError) in try await store.beginBatch(batch) }
            isBegun = true
        }
        let addition = try await patiently { store throws(JobStoreError) in
            try await store.addToBatch(batch.id, items, at: now)
        }
        (slice, sliceSize) = ([], 0)
        switch addition {
        case .added: return
        case .duplicate(let name):
            throw RelayError(
                .batchInvalid, "The custom_id \(name.text) stands in the batch twice; it must be unique in it.",
                remedy: "Give every request a name of its own.")
        case .gone: throw Self.gone
        }
    }

    /// Tries again for some seconds while the disk is busy: the client, who cannot send on meanwhile, has sent much.
    private func patiently<Value: Sendable>(
        _ work: (any JobStore) async throws(JobStoreError) -> Value
    ) async throws(RelayError) -> Value {
        for pause in Self.pauses {
            do throws(RelayError) {
                return try await store.reading(work)
            } catch  where error.code == .storeBusy {
                guard (try? await clock.sleep(for: pause)) != nil else { throw error }
            }
        }
        return try await store.reading(work)
    }

    static let pauses = [100, 200, 400, 800, 1600, 3200, 6400].map { Duration.milliseconds($0) }

    private static let gone = RelayError(
        .storeUnavailable, "The batch was given up while it was being received: nothing came for too long.",
        remedy: "Send it again.", retryAfter: .seconds(1))

    // MARK: Requests

    private func item(of element: [UInt8], path: String) throws(RelayError) -> BatchItem {
        let fields = try JSONFields(element, path: path)
        try fields.allowOnly(["custom_id", "params"])
        let name = try fields.require("custom_id", CustomID.rule) { fields.string($0).flatMap { CustomID($0) } }
        let params = try fields.require("params", "an object, the body for POST /v1/messages") { $0 }
        var random = PooledRandom()
        let (model, maxTokens, refusal) = judge(params, in: element)
        let limits = limits()
        if refusal == nil { try limits.check(model) }
        let body = fields.bytes(params)
        return BatchItem(
            customID: name, job: .make(at: batch.createdAt, using: &random), body: body, model: model,
            refusal: refusal.map { ErrorEnvelope.render($0, requestID: nil) },
            demand: limits.demand(of: model, body, maxTokens: maxTokens, at: prices))
    }

    /// Of `params` only what the relay cannot send is judged; the rest is the upstream's to say, in the request's result.
    private func judge(
        _ params: JSONMember, in element: [UInt8]
    ) -> (model: String, maxTokens: Int?, refusal: RelayError?) {
        guard let fields = try? JSONFields(element, in: params.value, path: "params.") else {
            return ("", nil, Self.refused("The field params is not an object."))
        }
        let maxTokens = fields.member("max_tokens").flatMap(fields.positiveInteger)
        let model: String
        do {
            model =
                try fields.optional("model", ModelName.rule) { member in
                    let name = fields.string(member) ?? ""
                    return name.isEmpty || ModelName.isAllowed(name) ? name : nil
                } ?? ""
        } catch {
            return ("", maxTokens, error)
        }
        let isStream = fields.member("stream").flatMap(fields.boolean) ?? false
        let refusal = isStream ? Self.refused("The field params.stream is true; allowed in a batch is false.") : nil
        return (model, maxTokens, refusal)
    }

    private static func refused(_ message: String) -> RelayError {
        RelayError(.fieldInvalid, message, remedy: "Correct it and send the request again.")
    }
}
