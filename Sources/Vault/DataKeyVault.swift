package import Domain

/// The data keys of tenants: each random, and kept as any other secret of the store, wrapped by the keyring.
package struct DataKeyVault: PayloadSealer {
    private let sealer: SecretSealer
    private let keyring: SharedKeyring

    package init(keyring: SharedKeyring) {
        self.keyring = keyring
        sealer = SecretSealer(keyring: keyring)
    }

    package var keyringRevision: Int { keyring.revision }

    package func makeKey(for tenant: TenantID) throws(RelayError) -> MadePayloadKey {
        let revision = keyring.revision  // before it seals
        guard let key = SymmetricKey.random(), let dataKey = DataKey(key) else {
            throw RelayError(.internalFault, "The system has no randomness to give.", remedy: "Check /dev/urandom.")
        }
        let sealed = try sealer.seal(Secret(bytes: key.bytes), for: Self.owner(tenant.text))
        return MadePayloadKey(key: dataKey, sealed: sealed, keyringRevision: revision)
    }

    package func openKey(
        _ sealed: [UInt8], named name: PayloadKeyName, of tenant: TenantID
    ) throws(RelayError) -> any PayloadKey {
        let secret = try sealer.open(sealed, for: Self.owner(tenant.text))
        guard let key = SymmetricKey(secret.revealBytes()).flatMap(DataKey.init), key.name == name else {
            throw RelayError(
                .sealedValueUnreadable, "The data key of the tenant \(tenant) is not \(name), which was sealed with.",
                remedy: "Restore a backup of the store; somebody has changed its rows.")
        }
        return key
    }

    /// What a tenant's sealed data key is bound to.
    package static func owner(_ tenant: String) -> String {
        "tenant-data-key:\(tenant)"
    }
}

/// AES-256-GCM under one key, each box bound to its place.
private struct DataKey: PayloadKey {
    let name: PayloadKeyName
    private let cipher: AuthenticatedCipher
    private let markKey: SymmetricKey

    init?(_ key: SymmetricKey) {
        guard let name = PayloadKeyName(bytes: KeyFingerprint(of: key).bytes) else { return nil }
        self.name = name
        cipher = AuthenticatedCipher(key: key)
        markKey = key.derived(for: "payload-mark")
    }

    func mark(_ value: [UInt8]) -> [UInt8] {
        Digest.hmac(value, key: markKey.bytes)
    }

    func seal(_ plain: [UInt8], as place: PayloadPlace) throws(RelayError) -> [UInt8] {
        guard let box = cipher.seal(plain, context: place.context) else {
            throw RelayError(
                .internalFault, "The \(place) could not be sealed.", remedy: "Check the system's memory.")
        }
        return box
    }

    func open(_ box: [UInt8], as place: PayloadPlace) -> [UInt8]? {
        cipher.open(box, context: place.context)
    }
}
