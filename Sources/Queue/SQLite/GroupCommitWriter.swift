import Domain
import GRDB
import Synchronization

/// The one writer of a process: operations that arrive while a transaction is being synced share the next one.
///
/// A lone operation goes at once. Callers hear of success only after the commit. If the commit fails, all callers of
/// the transaction hear that; the next one begins afresh.
final class GroupCommitWriter: Sendable {
    /// Tells the caller what its operation returned.
    private typealias Answer = @Sendable () -> Void

    private struct Operation: Sendable {
        let run: @Sendable (WriteContext) throws -> Answer
        let fail: @Sendable (JobStoreError) -> Void
    }

    private struct State {
        var pending: [Operation] = []
        var isDraining = false
        var transactions = 0
    }

    /// An operation failed after it had written: the transaction cannot be kept.
    private struct SpoiltTransaction: Error {
        let cause: any Error
    }

    private let pool: DatabasePool
    private let configuration: JobStoreConfiguration
    private let signal: ChangeSignal
    private let foreignCommits: ForeignCommits
    private let random: Mutex<any RandomNumberGenerator & Sendable>
    private let state = Mutex(State())

    init(
        pool: DatabasePool, configuration: JobStoreConfiguration, signal: ChangeSignal,
        foreignCommits: ForeignCommits, random: any RandomNumberGenerator & Sendable
    ) {
        self.pool = pool
        self.configuration = configuration
        self.signal = signal
        self.foreignCommits = foreignCommits
        self.random = Mutex(random)
    }

    /// How many operations wait for their transaction.
    var pendingCount: Int { state.withLock { $0.pending.count } }
    /// How many transactions were committed.
    var transactionCount: Int { state.withLock { $0.transactions } }

    /// Runs `body` in a transaction and returns once that is durable. `body` may run a second time if a neighbour
    /// spoilt the first; it should decide before it writes, so that a refusal costs its neighbours nothing.
    @discardableResult
    func perform<Value: Sendable>(
        _ body: @escaping @Sendable (WriteContext) throws -> Value
    ) async throws(JobStoreError) -> Value {
        let result: Result<Value, JobStoreError> = await withCheckedContinuation { continuation in
            enqueue(
                Operation(
                    run: { context in
                        let value = try body(context)
                        return { continuation.resume(returning: .success(value)) }
                    },
                    fail: { continuation.resume(returning: .failure($0)) }))
        }
        return try result.get()
    }

    private func enqueue(_ operation: Operation) {
        let limit = configuration.maxPendingWrites
        let (isRefused, mustStart) = state.withLock { state in
            guard state.pending.count < limit else { return (true, false) }
            state.pending.append(operation)
            defer { state.isDraining = true }
            return (false, !state.isDraining)
        }
        if isRefused {
            operation.fail(.unavailable(detail: "\(limit) writes are waiting already"))
        } else if mustStart {
            pool.asyncWriteWithoutTransaction { database in self.drain(database) }
        }
    }

    private func drain(_ database: Database) {
        while let batch = nextBatch() {
            commit(batch, in: database)
        }
    }

    private func nextBatch() -> [Operation]? {
        let limit = configuration.batchLimit
        return state.withLock { state in
            guard !state.pending.isEmpty else {
                state.isDraining = false
                return nil
            }
            let batch = Array(state.pending.prefix(limit))
            state.pending.removeFirst(batch.count)
            return batch
        }
    }

    private func commit(_ batch: [Operation], in database: Database) {
        do {
            let (answers, topics) = try transact(batch, in: database)
            state.withLock { $0.transactions += 1 }
            signal.bump(topics)
            for answer in answers { answer() }
        } catch let spoilt as SpoiltTransaction where batch.count > 1 && spoilt.cause.isOfOneOperation {
            for operation in batch { commit([operation], in: database) }
        } catch {
            let failure = JobStoreError((error as? SpoiltTransaction)?.cause ?? error)
            for operation in batch { operation.fail(failure) }
        }
    }

    private func transact(
        _ batch: [Operation], in database: Database
    ) throws -> (answers: [Answer], topics: Set<ChangeTopic>) {
        if database.isInsideTransaction { try database.rollback() }  // left by a rollback that failed
        try database.beginTransaction(.immediate)
        do {
            if try foreignCommits.look(database) { signal.bump(Set(ChangeTopic.allCases)) }
            let context = WriteContext(database, makeDeliveryID: { self.random.withLock { $0.makeDeliveryID() } })
            let answers = try batch.map { try run($0, in: context) }
            try context.finish()
            try database.commit()
            return (answers, context.topics)
        } catch {
            if database.isInsideTransaction { try? database.rollback() }
            throw error
        }
    }

    /// A refusal that has written nothing is that operation's answer; any other error spoils the transaction.
    private func run(_ operation: Operation, in context: WriteContext) throws -> Answer {
        let before = context.database.totalChangesCount
        do {
            return try operation.run(context)
        } catch let refusal as JobStoreError where context.database.totalChangesCount == before {
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
        case is JobStoreError: true
        case let error as DatabaseError: [.SQLITE_CONSTRAINT, .SQLITE_TOOBIG].contains(error.resultCode)
        default: false
        }
    }
}

extension JobStoreError {
    init(_ error: any Error) {
        switch error {
        case let error as JobStoreError: self = error
        case let error as DatabaseError:
            let words = error.message ?? "no message"
            self = .unavailable(detail: "SQLite \(error.extendedResultCode.rawValue): \(words)")
        default: self = .unavailable(detail: "\(error)")
        }
    }
}
