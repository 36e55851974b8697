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
        let run: @Sendable (WriteContext) throws -> Answer
        let fail: @Sendable (JobStoreError) -> Void
    }

    private struct State {
        var pending: [Operation] = []
        var pendingBytes = 0
        var isDraining = false
        var transactions = 0
        var checkpoints = CheckpointPolicy()
        /// Why the last transaction could not be written; nil if it could.
        var failure: WriteFailure?
    }

    /// An operation failed after it had written: the transaction cannot be kept.
    private struct SpoiltTransaction: Error {
        let cause: any Error
    }

    private let connection: SQLiteConnection
    /// Moves the log beside the writer.
    private let mover: SQLiteConnection
    private let turn: WriterTurn
    private let configuration: JobStoreConfiguration
    /// Called after each commit with what it has touched.
    private let onCommit: @Sendable (Set<ChangeTopic>) -> Void
    /// Called when writing begins to fail, with the reason, and when it works again, with nil.
    private let onHealth: @Sendable (String?) -> Void
    private let random: Mutex<any RandomNumberGenerator & Sendable>
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "relay.store.write")
    private let moverQueue = DispatchQueue(label: "relay.store.checkpoint")

    init(
        connection: SQLiteConnection, mover: SQLiteConnection, turn: WriterTurn, configuration: JobStoreConfiguration,
        random: any RandomNumberGenerator & Sendable, onCommit: @escaping @Sendable (Set<ChangeTopic>) -> Void,
        onHealth: @escaping @Sendable (String?) -> Void
    ) {
        self.connection = connection
        self.mover = mover
        self.turn = turn
        self.configuration = configuration
        self.random = Mutex(random)
        self.onCommit = onCommit
        self.onHealth = onHealth
    }

    /// How many operations wait for their transaction.
    var pendingCount: Int { state.withLock { $0.pending.count } }
    /// How many transactions were committed.
    var transactionCount: Int { state.withLock { $0.transactions } }
    /// Why writing fails; nil if it does not. A damaged file stays one until the store is opened again.
    var failure: WriteFailure? { state.withLock { $0.failure } }

    /// Runs `body` in a transaction and returns once that is durable. `body` may run a second time if a neighbour
    /// spoilt the first; it should decide before it writes, so that a refusal costs its neighbours nothing.
    /// - Parameter bytes: what the operation brings with it, roughly.
    @discardableResult
    func perform<Value: Sendable>(
        bytes: Int = 0, _ body: @escaping @Sendable (WriteContext) throws -> Value
    ) async throws(JobStoreError) -> Value {
        try await perform(bytes: bytes, body) { _, value in value }
    }

    /// The same; `look` then makes the answer of what `body` returned, on the writer's thread and after the commit:
    /// little that is in memory anyway. A damaged page that it meets spoils no transaction.
    func perform<Value: Sendable, Outcome: Sendable>(
        bytes: Int = 0, _ body: @escaping @Sendable (WriteContext) throws -> Value,
        afterwards look: @escaping @Sendable (SQLiteConnection, Value) throws -> Outcome
    ) async throws(JobStoreError) -> Outcome {
        let result: Result<Outcome, JobStoreError> = await withCheckedContinuation { continuation in
            enqueue(
                Operation(
                    bytes: bytes,
                    run: { [connection] context in
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

    /// Runs `body` between two transactions, in this process's turn.
    func alone<Value: Sendable>(
        _ body: @escaping @Sendable (SQLiteConnection) throws -> Value
    ) async throws(JobStoreError) -> Value {
        let result: Result<Value, JobStoreError> = await withCheckedContinuation { continuation in
            queue.async {
                do {
                    let value = try self.turn.take { try body(self.connection) }
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
            let isFull =
                state.pending.count >= configuration.maxPendingWrites
                || !state.pending.isEmpty && state.pendingBytes + operation.bytes > configuration.maxPendingBytes
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
            let step = state.withLock { state in
                state.transactions += 1
                return state.checkpoints.committed(length: connection.logPages)
            }
            note(nil)
            onCommit(topics)
            for answer in answers { answer() }
            checkpoint(step)
        } catch let spoilt as SpoiltTransaction where batch.count > 1 && spoilt.cause.isOfOneOperation {
            for operation in batch { commit([operation]) }
        } catch {
            let cause = (error as? SpoiltTransaction)?.cause ?? error
            if !cause.isOfOneOperation { note(WriteFailure(cause)) }
            let failure = JobStoreError(cause)
            for operation in batch { operation.fail(failure) }
        }
    }

    private func note(_ failure: WriteFailure?) {
        let isChange = state.withLock { state in
            guard state.failure?.kind != .damage, state.failure != failure else { return false }
            defer { state.failure = failure }
            return failure?.kind != state.failure?.kind
        }
        if isChange { onHealth(failure?.detail) }
    }

    private func transact(_ batch: [Operation]) throws -> (answers: [Answer], topics: Set<ChangeTopic>) {
        try connection.transaction {
            let context = WriteContext(
                connection, makeDeliveryID: { self.random.withLock { $0.makeDeliveryID() } })
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

    // MARK: Checkpoints

    private func checkpoint(_ step: CheckpointPolicy.Step) {
        switch step {
        case .none: break
        case .writer: _ = try? connection.checkpoint()  // whoever commits next tries again
        case .background:
            moverQueue.async {
                let moved = (try? self.mover.checkpoint())?.moved ?? 0
                try? self.mover.syncFile()  // so that the writer's turn has little left to sync
                self.state.withLock { $0.checkpoints.finished(length: moved) }
            }
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
