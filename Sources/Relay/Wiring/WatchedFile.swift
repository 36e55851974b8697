import Domain
import Glibc
import Synchronization

/// A small file that is read when it has changed.
final class WatchedFile: Sendable {
    private struct Stamp: Hashable, Sendable {
        let device: UInt64
        let inode: UInt64
        let size: Int
        let seconds: Int
        let nanoseconds: Int
    }

    let path: String
    private let limit: Int
    private let seen = Mutex<Stamp?>(nil)

    /// - Parameter limit: bytes.
    init(_ path: String, limit: Int) {
        self.path = path
        self.limit = limit
    }

    /// What `use` makes of the content; nil if the file is as it was when `use` last took it.
    func read<Value>(_ use: ([UInt8]) throws(RelayError) -> Value) throws(RelayError) -> Value? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw unreadable }
        defer { close(file) }
        // Of the file that is open: a path can lead elsewhere a moment later.
        var status = stat()
        guard fstat(file, &status) == 0 else { throw unreadable }
        let stamp = Stamp(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int(status.st_size),
            seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
        guard seen.withLock({ $0 }) != stamp else { return nil }
        let value = try use(try content(of: file))
        seen.withLock { $0 = stamp }
        return value
    }

    private func content(of file: Int32) throws(RelayError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        var count = 0
        while count <= limit {
            let more = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(file, buffer.baseAddress?.advanced(by: count), buffer.count - count)
            }
            guard more >= 0 else { throw unreadable }
            if more == 0 { return Array(bytes[..<count]) }
            count += more
        }
        throw RelayError(
            .configurationInvalid, "\(path) has more than \(limit) bytes; that is the limit.", remedy: "Correct it.")
    }

    private var unreadable: RelayError {
        RelayError(
            .configurationInvalid, "\(path) cannot be read.", remedy: "Check its name and permissions.")
    }
}
