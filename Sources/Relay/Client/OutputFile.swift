import Domain
import Glibc
import Synchronization

/// A file that is written from the start, by one writer at a time.
final class OutputFile: Sendable {
    private let path: String
    private let descriptor: Mutex<Int32>

    init(path: String) throws(RelayError) {
        self.path = path
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure(path) }
        self.descriptor = Mutex(descriptor)
    }

    func write(_ bytes: [UInt8]) throws(RelayError) {
        let isWritten = descriptor.withLock { descriptor in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
        guard isWritten else { throw Self.failure(path) }
    }

    func close() throws(RelayError) {
        guard descriptor.withLock({ Glibc.close($0) }) == 0 else { throw Self.failure(path) }
    }

    private static func failure(_ path: String) -> RelayError {
        RelayError(
            .argumentInvalid, "The file \(path) cannot be written: \(String(cString: strerror(errno))).",
            remedy: "Check the path and the space left.")
    }
}
