import Domain
import Queue
import Vault

extension KeyringKeeper {
    private static let tries = 5

    /// Wraps every secret anew and drops the keys that are then needed no more. Both only when the store has counted, in the
    /// transaction that drops them, that no secret is left which the current key has not wrapped.
    /// - Parameter pause: waits before each try, for running relays to learn the keys.
    /// - Returns: how many secrets were wrapped anew.
    /// - Throws: `sealed_value_unreadable` if some remain after five tries: they are named, and all keys stay.
    func retireOldKeys(pause: () async throws -> Void) async throws -> Int {
        let mark = SecretSealer(keyring: SharedKeyring(keyring)).mark
        let sealed = try SealedKeyring(keyring.withoutRetired, for: [(master, locker.source.text)])
        var (count, left) = (0, [SealedSecret]())
        for _ in 0..<Self.tries {
            try await pause()
            count += try await rewrap()
            switch try await store.retireKeys(leaving: sealed.bytes, replacing: stored.revision, mark: mark) {
            case .done: return count
            case .outrun: throw Self.outrun
            case .needed(let secrets): left = secrets
            }
        }
        throw RelayError(
            .sealedValueUnreadable,
            "The old keys stay, because secrets remain that the new key does not wrap: "
                + "\(left.map(\.name).joined(separator: ", ")). They do not open, or a relay of an earlier version stores "
                + "them meanwhile.",
            remedy:
                "Store them again (relay keys add NAME, relay webhooks rotate ID) or remove them, stop older relays, "
                + "then repeat relay vault rotate.")
    }
}

extension SealedSecret {
    /// For people.
    fileprivate var name: String {
        switch kind {
        case .upstreamKey: "key \(id)"
        case .webhookEndpoint: "webhook \(id)"
        case .previousWebhookSecret: "webhook \(id) (its previous secret)"
        case .tenantDataKey: "the data key of tenant \(id)"
        }
    }
}
