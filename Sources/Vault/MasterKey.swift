package import Domain
import Glibc

/// The one key of a data folder, from which all others are derived or by which they are wrapped.
///
/// A file of 64 hexadecimal digits and a newline that only its owner can read.
package struct MasterKey: Sendable {
    private static let digitCount = 2 * SymmetricKey.byteCount
    private let key: SymmetricKey

    private init(_ key: SymmetricKey) {
        self.key = key
    }

    /// A key of its own for `purpose`.
    func derived(for purpose: String) -> SymmetricKey {
        key.derived(for: purpose)
    }

    /// Reads the key at `path`, or makes a new one there if there is none. Two processes that start at the same moment
    /// end up with the same key.
    /// - Throws: `master_key_unusable` if it cannot be read or written, is not a key, or others may read it.
    package static func load(orCreateAt path: String) throws(RelayError) -> MasterKey {
        if let key = try load(at: path) { return key }
        try create(at: path)
        guard let key = try load(at: path) else {
            throw unusable(path, "vanished after it was made", remedy: "Check who else removes files in that folder.")
        }
        return key
    }

    /// nil if there is no file at `path`.
    private static func load(at path: String) throws(RelayError) -> MasterKey? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw unusable(path, "cannot be read: \(reason())", remedy: "Let the relay's user read it.")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw unusable(path, "cannot be examined: \(reason())", remedy: "Check the file system.")
        }
        guard status.st_mode & 0o077 == 0 else {
            let mode = String(status.st_mode & 0o777, radix: 8)
            throw unusable(path, "has mode \(mode); others may read it", remedy: "Run: chmod 600 '\(path)'.")
        }
        var buffer = [UInt8](repeating: 0, count: digitCount)
        let count = read(descriptor, &buffer, buffer.count)
        guard count == digitCount, let key = decodeHex(buffer).flatMap(SymmetricKey.init) else {
            throw unusable(
                path, "does not hold \(digitCount) hexadecimal digits",
                remedy: "Restore it from your backup; without it stored secrets cannot be opened.")
        }
        return MasterKey(key)
    }

    /// Writes a new key beside `path`, syncs it and links it there unless another process was first.
    private static func create(at path: String) throws(RelayError) {
        guard let key = SymmetricKey.random() else {
            throw unusable(path, "cannot be made: the system has no randomness", remedy: "Check /dev/urandom.")
        }
        let text = key.bytes.map { hexDigits[Int($0 >> 4)] + hexDigits[Int($0 & 15)] }.joined() + "\n"
        // A name that no other process has, whatever its pid: two containers may share a folder.
        let draft = "\(path).\(String(UInt64.random(in: 0...UInt64.max), radix: 16)).new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw unusable(
                path, "cannot be made: \(reason())", remedy: "Let the relay's user write to its data folder.")
        }
        defer { unlink(draft) }
        let written = write(descriptor, text, text.utf8.count) == text.utf8.count && fsync(descriptor) == 0
        close(descriptor)
        guard written, link(draft, path) == 0 || errno == EEXIST else {
            throw unusable(path, "cannot be written: \(reason())", remedy: "Check space and permissions of its folder.")
        }
        syncFolder(of: path)
    }

    /// The link itself must survive a power cut: what is sealed with the key will.
    private static func syncFolder(of path: String) {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let descriptor = open(folder.isEmpty ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private static func unusable(_ path: String, _ what: String, remedy: String) -> RelayError {
        RelayError(.masterKeyUnusable, "The master key \(path) \(what).", remedy: remedy)
    }

    private static func reason() -> String {
        String(cString: strerror(errno))
    }

    private static let hexDigits = "0123456789abcdef".map(String.init)

    private static func decodeHex(_ digits: [UInt8]) -> [UInt8]? {
        let values = digits.compactMap { Character(UnicodeScalar($0)).hexDigitValue.map(UInt8.init) }
        guard values.count == digits.count else { return nil }
        return stride(from: 0, to: values.count, by: 2).map { values[$0] << 4 | values[$0 + 1] }
    }
}
