package import Domain
import Crypto
import FoundationEssentials

/// Seals secrets for storage: AES-256-GCM under a fresh data key each, which the master key wraps.
///
/// Sealed form: one byte of version (1), 60 bytes of wrapped data key, then nonce, ciphertext and tag. Both layers are
/// bound to what the secret belongs to, so that a sealed value moved to another row does not open.
package struct SecretSealer: Sendable {
    private static let version: UInt8 = 1
    private static let wrappedCount = 12 + 32 + 16
    private let wrapping: SymmetricKey

    package init(master: MasterKey) {
        wrapping = master.derived(for: "wrap-data-keys")
    }

    /// - Parameter owner: what the secret belongs to, for example `upstream-key:default`.
    package func seal(_ secret: Secret, for owner: String) throws(RelayError) -> [UInt8] {
        let context = Data(owner.utf8)
        let dataKey = SymmetricKey(size: .bits256)
        do {
            let plainKey = dataKey.withUnsafeBytes { Data($0) }
            let wrapped = try AES.GCM.seal(plainKey, using: wrapping, authenticating: context)
            let sealed = try AES.GCM.seal(Data(secret.revealBytes()), using: dataKey, authenticating: context)
            return [Self.version] + Array(wrapped.combined ?? Data()) + Array(sealed.combined ?? Data())
        } catch {
            throw RelayError(
                .internalFault, "A secret of \(owner) could not be sealed.", remedy: "Report this as a defect.")
        }
    }

    /// - Throws: `sealed_value_unreadable` if `sealed` was made by another master key or for another owner, or changed.
    package func open(_ sealed: [UInt8], for owner: String) throws(RelayError) -> Secret {
        let context = Data(owner.utf8)
        do {
            guard sealed.first == Self.version, sealed.count > 1 + Self.wrappedCount else {
                throw CryptoKitError.incorrectParameterSize
            }
            let wrapped = try AES.GCM.SealedBox(combined: Data(sealed[1...Self.wrappedCount]))
            let dataKey = SymmetricKey(data: try AES.GCM.open(wrapped, using: wrapping, authenticating: context))
            let box = try AES.GCM.SealedBox(combined: Data(sealed[(1 + Self.wrappedCount)...]))
            return Secret(bytes: Array(try AES.GCM.open(box, using: dataKey, authenticating: context)))
        } catch {
            throw RelayError(
                .sealedValueUnreadable, "The stored secret of \(owner) does not open with this master key.",
                remedy: "Restore the master key that belongs to this data folder, or store the secret again.")
        }
    }
}
