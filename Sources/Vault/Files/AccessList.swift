import CLinux
import Glibc

/// The POSIX access list of an open file, as the kernel keeps it.
///
/// systemd gives a service its credentials as files of root with an entry for the service's user. The mode then shows the
/// list's mask where the group's rights stand otherwise (440), although no group may read.
struct AccessList {
    private enum Tag: UInt16 {
        case owner = 1
        case user = 2
        case owningGroup = 4
        case group = 8
        case mask = 16
        case others = 32
    }

    private static let name = "system.posix_acl_access"
    private static let version: UInt32 = 2
    private static let headSize = 4
    private static let entrySize = 8
    /// Of 100 entries; such a file is for many.
    private static let limit = headSize + 100 * entrySize

    private let bytes: [UInt8]

    /// nil if the file has none, or its file system knows none.
    init?(of descriptor: Int32) {
        var buffer = [UInt8](repeating: 0, count: Self.limit)
        let count = fgetxattr(descriptor, Self.name, &buffer, buffer.count)
        guard count >= Self.headSize, (count - Self.headSize).isMultiple(of: Self.entrySize) else { return nil }
        bytes = Array(buffer.prefix(count))
        guard bytes.withUnsafeBytes({ $0.loadUnaligned(as: UInt32.self) }) == Self.version else { return nil }
    }

    /// Whether it gives nobody anything but the file's owner and `user`.
    func isFor(_ user: uid_t) -> Bool {
        stride(from: Self.headSize, to: bytes.count, by: Self.entrySize).allSatisfy { start in
            bytes.withUnsafeBytes { bytes in
                let rights = bytes.loadUnaligned(fromByteOffset: start + 2, as: UInt16.self)
                switch Tag(rawValue: bytes.loadUnaligned(fromByteOffset: start, as: UInt16.self)) {
                case .owner, .mask: return true
                case .user: return bytes.loadUnaligned(fromByteOffset: start + 4, as: UInt32.self) == user
                case .owningGroup, .group, .others: return rights == 0
                case nil: return false
                }
            }
        }
    }
}
