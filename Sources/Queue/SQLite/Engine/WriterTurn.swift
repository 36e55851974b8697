import Glibc

/// Lets the processes that write one file take turns, so that a busy one cannot keep the others waiting.
///
/// Two byte locks on a file: who wants to write takes `next`, then `now`, then lets go of `next`. Who has just written
/// must pass `next` again, and finds there whoever came meanwhile. The kernel frees the locks of a process that ends.
final class WriterTurn: Sendable {
    private static let pauseMicroseconds: UInt32 = 100
    private let descriptor: Int32
    private let next: FileLock
    private let now: FileLock
    private let tries: Int

    /// - Parameter patience: how long to wait for the others, in microseconds.
    init(path: String, patience: Int64) throws {
        descriptor = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw JobStoreError.system("open", path)
        }
        next = FileLock(descriptor: descriptor, byte: 0)
        now = FileLock(descriptor: descriptor, byte: 1)
        tries = Int(patience / Int64(Self.pauseMicroseconds))
    }

    deinit {
        close(descriptor)
    }

    /// Runs `body` when it is this process's turn.
    func take<Value>(_ body: () throws -> Value) throws -> Value {
        try wait(for: next)
        do {
            try wait(for: now)
        } catch {
            next.release()
            throw error
        }
        next.release()
        defer { now.release() }
        return try body()
    }

    private func wait(for lock: FileLock) throws {
        for _ in 0...tries {
            if lock.take() { return }
            usleep(Self.pauseMicroseconds)
        }
        throw TurnRefused()
    }
}

/// Another process kept the turn for longer than this one waits. It concerns all who want to write, not one operation.
struct TurnRefused: Error, CustomStringConvertible {
    let description = "another process of this folder has been writing for too long"
}
