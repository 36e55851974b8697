/// Makes and opens the data keys of tenants, under which what tenants send and get back rests in the store.
package protocol PayloadSealer: Sendable {
    /// Of the keyring that it seals and opens with now.
    var keyringRevision: Int { get }
    /// A new key for `tenant`.
    func makeKey(for tenant: TenantID) throws(RelayError) -> MadePayloadKey
    /// - Parameters:
    ///   - sealed: as ``makeKey(for:)`` gave it, or wrapped anew since.
    ///   - name: the key's.
    /// - Throws: `sealed_value_unreadable` if it does not open, or is another key or another tenant's.
    func openKey(_ sealed: [UInt8], named name: PayloadKeyName, of tenant: TenantID) throws(RelayError)
        -> any PayloadKey
}

/// A data key that is not stored yet.
package struct MadePayloadKey: Sendable {
    package let key: any PayloadKey
    /// Its form at rest.
    package let sealed: [UInt8]
    /// Of the keyring that sealed it: it may be stored only while the store has that one.
    package let keyringRevision: Int

    package init(key: any PayloadKey, sealed: [UInt8], keyringRevision: Int) {
        self.key = key
        self.sealed = sealed
        self.keyringRevision = keyringRevision
    }
}

/// One tenant's data key. Whoever drops it, and every copy of its sealed form, has erased all that it has sealed.
package protocol PayloadKey: Sendable {
    var name: PayloadKeyName { get }
    /// - Throws: only if the system has no randomness or memory to give.
    func seal(_ plain: [UInt8], as place: PayloadPlace) throws(RelayError) -> [UInt8]
    /// Tells whoever has the key whether two values are equal, and nobody else anything. 32 bytes, always the same of a value.
    func mark(_ value: [UInt8]) -> [UInt8]
    /// nil if `box` was sealed under another key or for another place, or has been changed.
    func open(_ box: [UInt8], as place: PayloadPlace) -> [UInt8]?
}

/// What a store needs to seal what tenants send and get.
package struct PayloadKeeping: Sendable {
    /// What a box takes beyond what is in it.
    package static let boxOverhead = 28
    package let sealer: any PayloadSealer
    /// Whether what is written from now on is sealed; what is sealed already opens all the same.
    package let isOn: Bool
    /// Has the sealer learn the keyring that the store has now; throws if it cannot. nil: what it knows is all there is.
    package let learnKeyring: (@Sendable () async throws -> Void)?

    package init(
        sealer: any PayloadSealer, isOn: Bool, learnKeyring: (@Sendable () async throws -> Void)? = nil
    ) {
        self.sealer = sealer
        self.isOn = isOn
        self.learnKeyring = learnKeyring
    }
}
