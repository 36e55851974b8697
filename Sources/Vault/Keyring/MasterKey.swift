package import Domain

/// 32 secret bytes from which other keys are derived: what opens a store's keyring, and the root of its derived secrets.
///
/// As a file: 64 hexadecimal digits and a newline, readable by its owner alone.
package struct MasterKey: Sendable {
    private static let digitCount = 2 * SymmetricKey.byteCount
    let key: SymmetricKey

    init(_ key: SymmetricKey) {
        self.key = key
    }

    /// nil unless `secret` has 32 bytes.
    package init?(_ secret: Secret) {
        guard let key = SymmetricKey(secret.revealBytes()) else { return nil }
        self.init(key)
    }

    /// Its name, which tells nothing about it.
    package var fingerprint: KeyFingerprint { KeyFingerprint(of: key) }

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
    /// - Throws: `master_key_unusable` if the file cannot be read, is not a key, or others may read it.
    package static func load(at path: String) throws(RelayError) -> MasterKey? {
        let content: [UInt8]
        do throws(PrivateFile.Trouble) {
            content = try PrivateFile.read(path, limit: 4096)
        } catch {
            if error.isMissing { return nil }
            throw unusable(path, error.what, remedy: error.remedy)
        }
        guard let key = Hex.decode(content.prefix(digitCount)).flatMap(SymmetricKey.init) else {
            throw unusable(
                path, "does not hold \(digitCount) hexadecimal digits",
                remedy: "Restore it from your backup; without it stored secrets cannot be opened.")
        }
        return MasterKey(key)
    }

    /// Puts a new key at `path` unless another process was first.
    private static func create(at path: String) throws(RelayError) {
        guard let key = SymmetricKey.random() else {
            throw unusable(path, "cannot be made: the system has no randomness", remedy: "Check /dev/urandom.")
        }
        do throws(PrivateFile.Trouble) {
            _ = try PrivateFile.create(path, with: Hex.encode(key.bytes) + [0x0A])
        } catch {
            throw unusable(path, error.what, remedy: error.remedy)
        }
    }

    private static func unusable(_ path: String, _ what: String, remedy: String) -> RelayError {
        RelayError(.masterKeyUnusable, "The master key \(path) \(what).", remedy: remedy)
    }
}
