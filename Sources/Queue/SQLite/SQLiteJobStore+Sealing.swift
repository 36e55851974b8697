import Domain

extension SQLiteJobStore {
    /// How often work is begun anew at most because the keyring has changed.
    private static let renewals = 2

    /// Runs `work`, which seals or opens payloads. If it meets another keyring than this process knows, that one is learnt
    /// and `work` begun anew, so that nobody who submits, settles or reads hears of a rotation.
    /// - Throws: what `work` has met, if the store's keyring cannot be learnt or changes again each time.
    func sealing<Value: Sendable>(
        _ work: () async throws(JobStoreError) -> Value
    ) async throws(JobStoreError) -> Value {
        for _ in 0..<Self.renewals {
            do throws(JobStoreError) {
                return try await work()
            } catch {
                guard error.isOfOtherKeyring, await learnKeyring() else { throw error }
            }
        }
        return try await work()
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

extension JobStoreError {
    /// Whether it may end once the store's present keyring is known.
    fileprivate var isOfOtherKeyring: Bool {
        switch self {
        case .keyringChanged: true
        case .unreadable(let error): error.code == .sealedValueUnreadable
        case .leaseLost, .full, .busy, .unavailable, .erased: false
        }
    }
}
