package import Domain
import FoundationEssentials

/// A ``Keyring`` as the store keeps it: sealed once for each master key that opens it.
package struct SealedKeyring: Sendable {
    private static let context = Array("keyring".utf8)

    private struct Seal: Codable {
        let master: String
        /// Where the master key was, for people.
        let source: String
        let box: Data
    }

    private let seals: [Seal]

    /// Seals `keyring` for each of `masters`.
    /// - Parameter masters: 1 or more, each with where it is, for people.
    package init(_ keyring: Keyring, for masters: [(key: MasterKey, source: String)]) throws(RelayError) {
        var seals: [Seal] = []
        for master in masters {
            guard let box = Self.cipher(of: master.key).seal(keyring.bytes, context: Self.context) else {
                throw RelayError(
                    .internalFault, "The keyring could not be sealed.", remedy: "Check the system's memory.")
            }
            seals.append(Seal(master: "\(master.key.fingerprint)", source: master.source, box: Data(box)))
        }
        self.seals = seals
    }

    /// - Throws: `sealed_value_unreadable` if `bytes` are not what ``bytes`` gave.
    package init(bytes: [UInt8]) throws(RelayError) {
        guard let seals = try? JSONDecoder().decode([Seal].self, from: Data(bytes)), !seals.isEmpty else {
            throw Self.damaged
        }
        self.seals = seals
    }

    package var bytes: [UInt8] {
        (try? JSONEncoder().encode(seals)).map(Array.init) ?? []
    }

    /// Which master keys open it, and where each was when it was sealed.
    package var masters: [(name: KeyFingerprint, source: String)] {
        seals.compactMap { seal in KeyFingerprint(seal.master).map { ($0, seal.source) } }
    }

    /// - Throws: `master_key_mismatch` if it is not sealed for `master`, `sealed_value_unreadable` if it was changed.
    package func open(with master: MasterKey, from source: String) throws(RelayError) -> Keyring {
        guard let seal = seals.first(where: { $0.master == "\(master.fingerprint)" }) else {
            throw RelayError(
                .masterKeyMismatch,
                "The master key \(source) (\(master.fingerprint)) is not the one that this store's secrets are sealed "
                    + "for: \(words).",
                remedy: "Restore that key, or name it with vault.master_key; nothing was changed.")
        }
        guard
            let keyring = Self.cipher(of: master).open(Array(seal.box), context: Self.context)
                .flatMap(Keyring.init(bytes:))
        else { throw Self.damaged }
        return keyring
    }

    /// The master keys that open it, for people.
    package var words: String {
        masters.map { "\($0.name), last seen as \($0.source)" }.joined(separator: "; ")
    }

    private static func cipher(of master: MasterKey) -> AuthenticatedCipher {
        AuthenticatedCipher(key: master.derived(for: "seal-keyring"))
    }

    private static var damaged: RelayError {
        RelayError(
            .sealedValueUnreadable, "The store's keyring is damaged.",
            remedy: "Restore a backup of the store, or remove and add the keys and endpoints again.")
    }
}
