import Domain
import Synchronization

/// The data keys that a process has opened, so that each is unwrapped once. Which of them are still good is the file's to say:
/// whoever uses one has found its row in the same snapshot or transaction.
final class PayloadKeys: Sendable {
    private static let limit = 10_000

    private struct State {
        var keeping: PayloadKeeping?
        var opened: [PayloadKeyName: any PayloadKey] = [:]
        /// How many were ever added, and how many of them the file was asked about: what came since may have been dropped.
        var added = 0
        var checked = 0
        /// Of the file, when it was last asked which keys there are.
        var revision: Int64 = 0
        var passedOver: [Claimable: Closed] = [:]
    }

    /// What a claim looks for: a tenant's jobs, of a class or of all.
    private struct Claimable: Hashable {
        let tenant: Int64
        let models: Int64?
    }

    private struct Closed {
        let error: JobStoreError
        let until: Timestamp
        /// Of the keyring that did not open it.
        let revision: Int?
    }

    private let state = Mutex(State())

    /// Seals and opens with `keeping` from now on.
    func adopt(_ keeping: PayloadKeeping) {
        state.withLock { $0.keeping = keeping }
    }

    /// Whether what is written now is sealed.
    var areInUse: Bool { state.withLock { $0.keeping?.isOn ?? false } }
    /// Of the keyring that is used; nil for none.
    var keyringRevision: Int? { state.withLock { $0.keeping }?.sealer.keyringRevision }
    /// As of ``PayloadKeeping``.
    var learnKeyring: (@Sendable () async throws -> Void)? { state.withLock { $0.keeping?.learnKeyring } }
    /// Whether what is sealed can be opened at all.
    var canOpen: Bool { state.withLock { $0.keeping != nil } }
    /// How many are open.
    var count: Int { state.withLock { $0.opened.count } }

    /// The key of that name.
    /// - Parameter sealed: its form at rest.
    func key(
        _ name: PayloadKeyName, _ sealed: [UInt8], of tenant: TenantID
    ) throws(JobStoreError) -> any PayloadKey {
        let (known, keeping) = state.withLock { ($0.opened[name], $0.keeping) }
        if let known { return known }
        guard let keeping else { throw .unreadable(.payloadKeyless) }
        do throws(RelayError) {
            let key = try keeping.sealer.openKey(sealed, named: name, of: tenant)
            remember(key)
            return key
        } catch {
            throw .unreadable(error)
        }
    }

    /// A new key for `tenant`.
    func make(for tenant: TenantID) throws(JobStoreError) -> MadePayloadKey {
        guard let keeping = state.withLock({ $0.keeping }) else { throw .unreadable(.payloadKeyless) }
        do throws(RelayError) {
            let made = try keeping.sealer.makeKey(for: tenant)
            remember(made.key)
            return made
        } catch {
            throw .unreadable(error)
        }
    }

    /// Keys that may have been dropped.
    struct Suspects {
        let names: [PayloadKeyName]
        fileprivate let added: Int
        fileprivate let revision: Int64
    }

    /// Those that may have been dropped since the file was last asked; nil if none can have been.
    /// - Parameter revision: the file's.
    func suspects(at revision: Int64) -> Suspects? {
        state.withLock { state in
            guard state.added != state.checked || state.revision != revision else { return nil }
            return Suspects(names: Array(state.opened.keys), added: state.added, revision: revision)
        }
    }

    /// - Parameter suspects: all of which the file has been asked about: if that fails, they stay under suspicion.
    func forget(_ dropped: [PayloadKeyName], of suspects: Suspects) {
        state.withLock { state in
            for name in dropped { state.opened[name] = nil }
            state.checked = suspects.added
            state.revision = suspects.revision
        }
    }

    // MARK: Tenants whose keys do not open

    /// Claims pass the tenant over for a second, or until another keyring is known: its key has just not opened here.
    func passOver(_ tenant: Int64, of models: Int64?, because error: JobStoreError, at now: Timestamp) {
        let closed = Closed(error: error, until: now.advanced(by: .seconds(1)), revision: keyringRevision)
        state.withLock { state in
            if state.passedOver.count >= Self.limit { state.passedOver = [:] }
            state.passedOver[Claimable(tenant: tenant, models: models)] = closed
        }
    }

    /// Whom a claim passes over at `now`, as a list in JSON, and why one of them; nil if nobody.
    func passedOver(of models: Int64?, at now: Timestamp) -> (list: String, error: JobStoreError)? {
        guard state.withLock({ !$0.passedOver.isEmpty }) else { return nil }
        let revision = keyringRevision
        return state.withLock { state in
            // Those of a clock that was set back since are tried again, too.
            state.passedOver = state.passedOver.filter { _, closed in
                closed.revision == revision && now < closed.until && closed.until <= now.advanced(by: .seconds(1))
            }
            let found = state.passedOver.filter { $0.key.models == models }
            guard let error = found.first?.value.error else { return nil }
            return ("[" + found.keys.map { "\($0.tenant)" }.joined(separator: ",") + "]", error)
        }
    }

    private func remember(_ key: any PayloadKey) {
        state.withLock { state in
            if state.opened.count >= Self.limit { state.opened = [:] }
            state.opened[key.name] = key
            state.added += 1
        }
    }
}
