import Domain

extension SQLiteJobStore {
    /// How often work is begun anew at most because the keyring has changed.
    private static let renewals = 2

    /// Runs `work`, which seals or opens payloads. If it meets another keyring than this process knows, that one is learnt
    /// and `work` begun anew, so that nobody who submits, works, settles or reads hears of a rotation.
    /// - Throws: what `work` has met, if the store's keyring cannot be learnt or changes again each time.
    func sealing<Value: Sendable>(
        _ work: () async throws(JobStoreError) -> Value
    ) async throws(JobStoreError) -> Value {
        for _ in 0..<Self.renewals {
            let revision = payloadKeys.keyringRevision
            do throws(JobStoreError) {
                return try await work()
            } catch {
                guard await isOfOlderKeyring(error, than: revision) else { throw error }
            }
        }
        return try await work()
    }

    /// Whether `error`, which was met with the keyring of `revision`, may be gone now that the present one is known.
    private func isOfOlderKeyring(_ error: JobStoreError, than revision: Int?) async -> Bool {
        switch error {
        case .keyringChanged: return await learnKeyring()
        case .unreadable(let error) where error.code == .sealedValueUnreadable:
            return await learnKeyring() && payloadKeys.keyringRevision != revision
        case .unreadable, .leaseLost, .full, .busy, .unavailable, .tooMany, .erased: return false
        }
    }

    private func learnKeyring() async -> Bool {
        guard let learn = payloadKeys.learnKeyring else { return false }
        do {
            try await learn()
            return true
        } catch {
            return false  // whoever learns has said why, and what was met first is what the caller hears
        }
    }
}
