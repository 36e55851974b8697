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
    private let isSecret: Bool
    private let seen = Mutex<Stamp?>(nil)

    /// - Parameters:
    ///   - limit: bytes.
    ///   - isSecret: whether it is refused while others than its owner and group may use it.
    init(_ path: String, limit: Int, isSecret: Bool = false) {
        self.path = path
        self.limit = limit
        self.isSecret = isSecret
    }

    /// What `use` makes of the content; nil if the file is as it was when `use` last took it.
    func read<Value>(_ use: ([UInt8]) throws(RelayError) -> Value) throws(RelayError) -> Value? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw unreadable }
        defer { close(file) }
        // Of the file that is open: a path can lead elsewhere a moment later.
        var status = stat()
        guard fstat(file, &status) == 0 else { throw unreadable }
        guard !isSecret || status.st_mode & 0o027 == 0 else {
            let mode = String(status.st_mode & 0o777, radix: 8)
            throw RelayError(
                .configurationInvalid, "\(path) holds a secret and has mode \(mode); allowed is 640 or less.",
                remedy: "Run: chmod 640 '\(path)'.")
        }
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
