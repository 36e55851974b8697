package import Domain
import Synchronization

/// A sealer without cryptography, for stores under test: it hides what it seals from a search, binds it to its place, and
/// knows each key by its name alone. Its keys at rest are good until ``lose()``.
package final class MaskingSealer: PayloadSealer {
    private let isLost = Mutex(false)
    private let revision = Mutex(1)

    package init() {}

    package var keyringRevision: Int { revision.withLock { $0 } }

    /// No key opens any more.
    package func lose() {
        isLost.withLock { $0 = true }
    }

    /// Keys are made under the store's keyring of `revision` from now on.
    package func learn(_ revision: Int) {
        self.revision.withLock { $0 = revision }
    }

    package func makeKey(for tenant: TenantID) throws(RelayError) -> MadePayloadKey {
        let bytes = (0..<8).map { _ in UInt8.random(in: 1...255) }
        guard let name = PayloadKeyName(bytes: bytes) else { throw Self.unreadable }
        return MadePayloadKey(
            key: MaskingKey(name: name), sealed: Array(tenant.text.utf8) + bytes, keyringRevision: keyringRevision)
    }

    package func openKey(
        _ sealed: [UInt8], named name: PayloadKeyName, of tenant: TenantID
    ) throws(RelayError) -> any PayloadKey {
        guard !isLost.withLock({ $0 }), sealed == Array(tenant.text.utf8) + name.bytes else { throw Self.unreadable }
        return MaskingKey(name: name)
    }

    private static let unreadable = RelayError(.sealedValueUnreadable, "The key does not open.", remedy: "Find it.")
}

private struct MaskingKey: PayloadKey {
    let name: PayloadKeyName

    func seal(_ plain: [UInt8], as place: PayloadPlace) throws(RelayError) -> [UInt8] {
        tag(plain, place) + plain.map { $0 ^ name.bytes[0] }
    }

    func mark(_ value: [UInt8]) -> [UInt8] {
        BodyDigest(name.bytes + value).bytes + name.bytes
    }

    func open(_ box: [UInt8], as place: PayloadPlace) -> [UInt8]? {
        guard box.count >= PayloadKeeping.boxOverhead else { return nil }
        let plain = box.dropFirst(PayloadKeeping.boxOverhead).map { $0 ^ name.bytes[0] }
        return tag(plain, place) == Array(box.prefix(PayloadKeeping.boxOverhead)) ? plain : nil
    }

    private func tag(_ plain: [UInt8], _ place: PayloadPlace) -> [UInt8] {
        BodyDigest(name.bytes + place.context + plain).bytes + [0, 0, 0, 0]
    }
}
