import Dispatch
import Synchronization

/// Moves the write-ahead log into the file, by the writer or beside it, as ``CheckpointPolicy`` says.
final class LogMover: Sendable {
    /// Moves the log beside the writer.
    private let connection: SQLiteConnection
    private let health: StoreHealth
    private let policy = Mutex(CheckpointPolicy())
    private let queue = DispatchQueue(label: "relay.store.checkpoint")

    init(connection: SQLiteConnection, health: StoreHealth) {
        self.connection = connection
        self.health = health
    }

    /// Call after each commit of `writer`, on its thread: it may have to do something.
    func committed(by writer: SQLiteConnection) {
        switch policy.withLock({ $0.committed(length: writer.logPages) }) {
        case .none: break
        case .writer: move(by: writer) { try $0.checkpoint() != nil }  // if it fails, whoever commits next tries again
        case .background:
            queue.async {
                var moved = 0
                self.move(by: self.connection) { connection in
                    guard let lengths = try connection.checkpoint() else { return false }
                    try connection.syncFile()  // so that the writer's turn has little left to sync
                    moved = lengths.moved
                    return true
                }
                self.policy.withLock { $0.finished(length: moved) }
            }
        }
    }

    /// Waits for what is being moved beside the writer.
    func rest() {
        queue.sync {}
    }

    /// Moves all that no reader holds, by `writer` and in its turn: then the file is as short as it can be, and the next
    /// commit begins the log anew.
    /// - Returns: how many pages of the log were left; nil if it could not be moved.
    @discardableResult
    func moveAll(by writer: SQLiteConnection) -> Int? {
        var left: Int?
        move(by: writer) { connection in
            let lengths = try connection.checkpoint()
            left = lengths.map { $0.log - $0.moved }
            return lengths != nil
        }
        return left
    }

    /// - Parameter body: returns false if somebody else is at it, which says nothing.
    private func move(by connection: SQLiteConnection, _ body: (SQLiteConnection) throws -> Bool) {
        guard !policy.withLock({ $0.isOver }) else { return }
        do {
            if try body(connection) { health.noteCheckpoint(nil) }
        } catch {
            let failure = WriteFailure(ofCheckpoint: error)
            if failure.kind == .sync { stop() }
            health.noteCheckpoint(failure)
        }
    }

    /// The kernel may have dropped what it could not write, and SQLite counts it as moved: the log must stay as it is
    /// until somebody opens the file who is the first, and so moves all of it again.
    private func stop() {
        policy.withLock { $0.end() }
        queue.async {
            // A snapshot keeps every process from beginning the log anew, as long as this one lives.
            try? self.connection.script("BEGIN; SELECT count(*) FROM sqlite_schema")
            // Never closed from now on: SQLite moves and removes the log when the last connection is.
            _ = Unmanaged.passRetained(self.connection)
        }
    }
}
