import Domain
import FoundationEssentials
import Glibc
import Vault

/// Fetches a master key from its source, makes one there, and replaces it.
struct MasterKeyLocker {
    let source: MasterKeySource
    let folder: DataFolder
    /// Empty: the region's own.
    let kmsEndpoint: String

    private var wrapped: WrappedKeyFile { WrappedKeyFile(path: folder.wrappedKeyPath) }

    /// The key that one of `names` names, or any that is there if none is given.
    /// - Returns: nil if there is none at all.
    func find(_ names: [KeyFingerprint]) async throws(RelayError) -> MasterKey? {
        switch source {
        case .file(let path): return try MasterKey.load(at: path)
        case .credential(let name): return try credential(name)
        case .kms(let keyID):
            let entries = try wrapped.entries().filter { $0.key_id == keyID }
            let wanted = entries.last { entry in names.contains { "\($0)" == entry.fingerprint } }
            guard let entry = wanted ?? entries.last else { return nil }
            return try await open(entry)
        }
    }

    /// The key that is there, or a new one.
    func findOrMake() async throws(RelayError) -> MasterKey {
        if let key = try await find([]) { return key }
        switch source {
        case .file(let path): return try MasterKey.load(orCreateAt: path)
        case .credential: throw missing()
        case .kms(let keyID): return try await wrapNew(under: keyID)
        }
    }

    /// Makes the key that is to take this one's place, beside it; one that a broken-off change has left is taken up again.
    /// - Returns: nil where the relay cannot write.
    func prepareNext() async throws(RelayError) -> MasterKey? {
        switch source {
        case .file(let path): try MasterKey.load(orCreateAt: path + ".next")
        case .credential: nil
        case .kms(let keyID): try await wrapNew(under: keyID)
        }
    }

    /// Puts the prepared key into its place, once the store's keyring opens with both.
    func publishNext() throws(RelayError) {
        guard case .file(let path) = source else { return }
        do throws(PrivateFile.Trouble) {
            try PrivateFile.publish(path + ".next", as: path)
        } catch {
            throw RelayError(
                .masterKeyUnusable, "\(path).next \(error.what).",
                remedy: "\(error.remedy) Then repeat the command; both keys are good until then.")
        }
    }

    /// Forgets what `key` has replaced.
    func retireOthers(than key: MasterKey) throws(RelayError) {
        guard case .kms(let keyID) = source else { return }
        let entries = try wrapped.entries()
        try wrapped.write(entries.filter { $0.key_id != keyID || $0.fingerprint == "\(key.fingerprint)" })
    }

    /// There is no key, where there must be one.
    func missing(for keyring: SealedKeyring? = nil) -> RelayError {
        let place =
            switch source {
            case .file(let path): path
            case .credential(let name): "\(name) of systemd's credentials"
            case .kms(let keyID): "of KMS key \(keyID) in \(wrapped.path)"
            }
        let sealed = keyring.map { " The store's secrets are sealed for \($0.words)." } ?? ""
        return RelayError(
            .masterKeyUnusable, "The master key \(place) is missing.\(sealed)",
            remedy: "Restore it from its backup or correct vault.master_key; without it the stored keys and webhook "
                + "secrets cannot be read.")
    }

    private func credential(_ name: String) throws(RelayError) -> MasterKey? {
        guard let directory = ProcessInfo.processInfo.environment["CREDENTIALS_DIRECTORY"] else {
            throw RelayError(
                .masterKeyUnusable, "The master key is the credential \(name), and CREDENTIALS_DIRECTORY is not set.",
                remedy: "Run the command in the service's unit: LoadCredential=\(name):PATH, or systemd-run with it.")
        }
        return try MasterKey.load(at: "\(directory)/\(name)")
    }

    private func wrapNew(under keyID: String) async throws(RelayError) -> MasterKey {
        let (plain, wrappedKey) = try await KeyServiceClient.use(endpoint: kmsEndpoint) {
            service async throws(RelayError) in try await service.makeKey(under: keyID)
        }
        let master = try checked(plain, keyID)
        let entry = WrappedKeyFile.Entry(
            key_id: keyID, region: KeyServiceClient.region ?? "", fingerprint: "\(master.fingerprint)",
            ciphertext: Data(wrappedKey))
        let others = try wrapped.entries()
        if others.isEmpty {
            guard try wrapped.create([entry]) else { return try await findOrMake() }  // another start was first
        } else {
            try wrapped.write(others + [entry])
        }
        return master
    }

    private func open(_ entry: WrappedKeyFile.Entry) async throws(RelayError) -> MasterKey {
        let plain = try await KeyServiceClient.use(endpoint: kmsEndpoint) {
            service async throws(RelayError) in
            try await service.openKey(Array(entry.ciphertext), under: entry.key_id)
        }
        return try checked(plain, entry.key_id)
    }

    private func checked(_ plain: Secret, _ keyID: String) throws(RelayError) -> MasterKey {
        guard let master = MasterKey(plain) else {
            throw RelayError(
                .keyServiceUnavailable, "KMS key \(keyID) gave no key of 32 bytes.",
                remedy: "Check that it is symmetric.")
        }
        return master
    }
}
