import Dispatch
import Domain
import Synchronization

/// The one writer of a process: operations that arrive while a transaction is being synced share the next one.
///
/// A lone operation goes at once. Callers hear of success only after the commit. If the commit fails, all callers of
/// the transaction hear that; the next one begins afresh. What waits is bounded in number and in bytes.
final class GroupCommitWriter: Sendable {
    /// Tells the caller what its operation returned.
    private typealias Answer = @Sendable () -> Void

    private struct Operation: Sendable {
        let bytes: Int
        let isVital: Bool
        let run: @Sendable (WriteContext) throws -> Answer
        let fail: @Sendable (JobStoreError) -> Void
    }

    private struct State {
        var pending: [Operation] = []
        var pendingBytes = 0
        var isDraining = false
        var transactions = 0
    }

    /// An operation failed after it had written: the transaction cannot be kept.
    private struct SpoiltTransaction: Error {
        let cause: any Error
    }

    private let connection: SQLiteConnection
    private let mover: LogMover
    private let health: StoreHealth
    private let turn: WriterTurn
    private let configuration: JobStoreConfiguration
    /// Called after each commit with what it has touched.
    private let onCommit: @Sendable (Set<ChangeTopic>) -> Void
    private let random: Mutex<any RandomNumberGenerator & Sendable>
    private let auditKeeping: Mutex<AuditKeeping?>
    private let payloadKeys: PayloadKeys
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "relay.store.write")

    init(
        connection: SQLiteConnection, mover: SQLiteConnection, turn: WriterTurn, configuration: JobStoreConfiguration,
        random: any RandomNumberGenerator & Sendable, auditKeeping: AuditKeeping?, payloadKeys: PayloadKeys,
        health: StoreHealth,
        onCommit: @escaping @Sendable (Set<ChangeTopic>) -> Void
    ) {
        self.connection = connection
        self.mover = LogMover(connection: mover, health: health)
        self.health = health
        self.turn = turn
        self.configuration = configuration
        self.random = Mutex(random)
        self.auditKeeping = Mutex(auditKeeping)
        self.payloadKeys = payloadKeys
        self.onCommit = onCommit
    }

    /// Keeps the audit log with `keeping` from now on.
    func keepAudit(with keeping: AuditKeeping) {
        auditKeeping.withLock { $0 = keeping }
    }

    /// How many operations wait for their transaction.
    var pendingCount: Int { state.withLock { $0.pending.count } }
    /// How many transactions were committed.
    var transactionCount: Int { state.withLock { $0.transactions } }
    /// Why writing fails; nil if it does not.
    var failure: WriteFailure? { health.failure }

    /// Runs `body` in a transaction and returns once that is durable. `body` may run a second time if a neighbour
    /// spoilt the first; it should decide before it writes, so that a refusal costs its neighbours nothing.
    /// - Parameters:
    ///   - bytes: what the operation brings with it, roughly.
    ///   - isVital: without it what has been taken up already is lost or done twice. So it waits also where new work is
    ///     refused, and is itself refused at twice the limit.
    @discardableResult
    func perform<Value: Sendable>(
        bytes: Int = 0, isVital: Bool = false, _ body: @escaping @Sendable (WriteContext) throws -> Value
    ) async throws(JobStoreError) -> Value {
        try await perform(bytes: bytes, isVital: isVital, body) { _, value in value }
    }

    /// The same; `look` then makes the answer of what `body` returned, on the writer's thread and after the commit:
    /// little that is in memory anyway. A damaged page that it meets spoils no transaction.
    func perform<Value: Sendable, Outcome: Sendable>(
        bytes: Int = 0, isVital: Bool = false, _ body: @escaping @Sendable (WriteContext) throws -> Value,
        afterwards look: @escaping @Sendable (SQLiteConnection, Value) throws -> Outcome
    ) async throws(JobStoreError) -> Outcome {
        let actor = AuditActor.current
        let result: Result<Outcome, JobStoreError> = await withCheckedContinuation { continuation in
            enqueue(
                Operation(
                    bytes: bytes, isVital: isVital,
                    run: { [connection] context in
                        context.actor = actor
                        let value = try body(context)
                        return {
                            let outcome = Result { try look(connection, value) }
                            continuation.resume(returning: outcome.mapError { JobStoreError($0) })
                        }
                    },
                    fail: { continuation.resume(returning: .failure($0)) }))
        }
        return try result.get()
    }

    /// Runs `body`, which writes nothing, between two transactions. Takes no turn: while another process keeps it, those who
    /// look must not add their wait to that of those who write.
    func glance<Value: Sendable>(
        _ body: @escaping @Sendable (SQLiteConnection) throws -> Value
    ) async throws(JobStoreError) -> Value {
        let result: Result<Value, JobStoreError> = await withCheckedContinuation { continuation in
            queue.async {
                continuation.resume(returning: Result { try body(self.connection) }.mapError { JobStoreError($0) })
            }
        }
        return try result.get()
    }

    /// Runs `body` between two transactions, in this process's turn.
    func alone<Value: Sendable>(
        _ body: @escaping @Sendable (SQLiteConnection) throws -> Value
    ) async throws(JobStoreError) -> Value {
        try await alone { connection, _ in
            let before = connection.commits
            let value = try body(connection)
            if connection.commits != before { self.mover.committed(by: connection) }
            return value
        }
    }

    /// The same for a `body` that moves the log itself; nothing is being moved beside it.
    func aloneWithLog<Value: Sendable>(
        _ body: @escaping @Sendable (SQLiteConnection, LogMover) throws -> Value
    ) async throws(JobStoreError) -> Value {
        try await alone(isMoverAtRest: true, body)
    }

    private func alone<Value: Sendable>(
        isMoverAtRest: Bool = false,
        _ body: @escaping @Sendable (SQLiteConnection, LogMover) throws -> Value
    ) async throws(JobStoreError) -> Value {
        let result: Result<Value, JobStoreError> = await withCheckedContinuation { continuation in
            queue.async {
                if isMoverAtRest { self.mover.rest() }
                do {
                    let value = try self.turn.take { try body(self.connection, self.mover) }
                    continuation.resume(returning: .success(value))
                } catch {
                    continuation.resume(returning: .failure(JobStoreError(error)))
                }
            }
        }
        return try result.get()
    }

    private func enqueue(_ operation: Operation) {
        let (refusal, mustStart) = state.withLock { state -> (JobStoreError?, Bool) in
            let share = operation.isVital ? 2 : 1
            let isFull =
                state.pending.count >= share * configuration.maxPendingWrites
                || !state.pending.isEmpty
                    && state.pendingBytes + operation.bytes > share * configuration.maxPendingBytes
            if isFull { return (.busy(waiting: state.pending.count, bytes: state.pendingBytes), false) }
            state.pending.append(operation)
            state.pendingBytes += operation.bytes
            defer { state.isDraining = true }
            return (nil, !state.isDraining)
        }
        if let refusal {
            operation.fail(refusal)
        } else if mustStart {
            queue.async { self.drain() }
        }
    }

    private func drain() {
        while let batch = nextBatch() { commit(batch) }
    }

    private func nextBatch() -> [Operation]? {
        state.withLock { state in
            guard !state.pending.isEmpty else {
                state.isDraining = false
                return nil
            }
            var (count, bytes) = (0, 0)
            for operation in state.pending.prefix(configuration.batchLimit) {
                guard count == 0 || bytes + operation.bytes <= configuration.batchBytes else { break }
                count += 1
                bytes += operation.bytes
            }
            let batch = Array(state.pending.prefix(count))
            state.pending.removeFirst(count)
            state.pendingBytes -= bytes
            return batch
        }
    }

    private func commit(_ batch: [Operation]) {
        do {
            let (answers, topics) = try turn.take { try transact(batch) }
            state.withLock { $0.transactions += 1 }
            health.noteTransaction(nil)
            onCommit(topics)
            for answer in answers { answer() }
            mover.committed(by: connection)
        } catch let spoilt as SpoiltTransaction where batch.count > 1 && spoilt.cause.isOfOneOperation {
            for operation in batch { commit([operation]) }
        } catch {
            let cause = (error as? SpoiltTransaction)?.cause ?? error
            if !cause.isOfOneOperation { health.noteTransaction(WriteFailure(cause)) }
            let failure = JobStoreError(cause)
            for operation in batch { operation.fail(failure) }
        }
    }

    private func transact(_ batch: [Operation]) throws -> (answers: [Answer], topics: Set<ChangeTopic>) {
        try connection.transaction {
            let context = WriteContext(
                connection, auditKeeping: auditKeeping.withLock { $0 }, payloadKeys: payloadKeys,
                makeDeliveryID: { self.random.withLock { $0.makeDeliveryID() } })
            let answers = try batch.map { try run($0, in: context) }
            try context.flush()
            return (answers, context.topics)
        }
    }

    /// A refusal that has written nothing is that operation's answer; any other error spoils the transaction.
    private func run(_ operation: Operation, in context: WriteContext) throws -> Answer {
        let before = context.connection.totalChanges
        do {
            return try operation.run(context)
        } catch let refusal as JobStoreError where context.connection.totalChanges == before {
            return { operation.fail(refusal) }
        } catch {
            throw SpoiltTransaction(cause: error)
        }
    }
}

extension Error {
    /// Whether the fault lies in what one operation asked for, so that others can go on without it.
    fileprivate var isOfOneOperation: Bool {
        switch self {
        case is JobStoreError, is DamagedValue: true
        case let error as SQLiteFailure: error.isOfOneStatement
        default: false
        }
    }
}
