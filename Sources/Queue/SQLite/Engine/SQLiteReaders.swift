import Dispatch
import Synchronization

/// Connections that read beside the writer, each read on a snapshot of its own, on threads of its own: a read that waits
/// for the disk holds up nobody else.
final class SQLiteReaders: Sendable {
    private typealias Read = @Sendable (SQLiteConnection) -> Void

    private struct State {
        var idle: [SQLiteConnection] = []
        var opened = 0
        var waiting: [Read] = []
    }

    private let path: String
    private let limit: Int
    private let queue = DispatchQueue(label: "relay.store.read", attributes: .concurrent)
    private let state = Mutex(State())

    /// - Parameter limit: reads at the same time at most.
    init(path: String, limit: Int = 4) {
        self.path = path
        self.limit = limit
    }

    /// Reads on the caller's thread if a connection is free: for a few pages that everybody reads all the time, where
    /// two changes of thread would cost more than the read.
    func probe<Value: Sendable>(_ body: @escaping @Sendable (SQLiteConnection) throws -> Value) async throws -> Value {
        guard let idle = state.withLock({ $0.idle.popLast() }) else { return try await read(body) }
        let value = Result { try Self.snapshot(idle, body) }
        handBack(idle)
        return try value.get()
    }

    func read<Value: Sendable>(_ body: @escaping @Sendable (SQLiteConnection) throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let start = state.withLock { state -> (@Sendable () -> Void)? in
                let read: Read = { connection in
                    continuation.resume(with: Result { try Self.snapshot(connection, body) })
                }
                if let idle = state.idle.popLast() { return { self.run(read, on: idle) } }
                guard state.opened < self.limit else {
                    state.waiting.append(read)
                    return nil
                }
                state.opened += 1
                return {
                    do {
                        self.run(read, on: try self.open())
                    } catch {
                        self.state.withLock { $0.opened -= 1 }
                        continuation.resume(throwing: error)
                    }
                }
            }
            if let start { queue.async(execute: start) }
        }
    }

    private func open() throws -> SQLiteConnection {
        let connection = try SQLiteConnection(path: path)
        try connection.script("PRAGMA query_only = ON; PRAGMA cache_size = -8192")
        return connection
    }

    private static func snapshot<Value>(
        _ connection: SQLiteConnection, _ body: (SQLiteConnection) throws -> Value
    ) throws -> Value {
        if connection.isInTransaction { try connection.script("ROLLBACK") }  // its last one could not be ended
        try connection.execute("BEGIN")
        defer { _ = try? connection.execute("COMMIT") }
        return try body(connection)
    }

    /// Does `read` and then whatever waits meanwhile.
    private func run(_ read: @escaping Read, on connection: SQLiteConnection) {
        var next: Read? = read
        while let read = next {
            read(connection)
            next = release(connection)
        }
    }

    private func handBack(_ connection: SQLiteConnection) {
        if let next = release(connection) { queue.async { self.run(next, on: connection) } }
    }

    /// - Returns: a read that waits for a connection and is to have this one; nil if none does.
    private func release(_ connection: SQLiteConnection) -> Read? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.idle.append(connection)
                return nil
            }
            return state.waiting.removeFirst()
        }
    }
}
