import Domain

/// What is erased of a tenant.
struct StoredErasure {
    /// Rows of its jobs up to this one.
    let jobs: Int64
    /// Numbers of its batches up to this one.
    let batches: Int64
}

/// What one transaction has met of data keys and erasures.
struct PayloadChanges {
    /// By number of the tenant.
    var keys: [Int64: any PayloadKey] = [:]
    /// Why the tenant's data key does not open here; nil if it does, or if there is none.
    var keyFailures: [Int64: JobStoreError?] = [:]
    /// nil until somebody asks.
    var erasuresExist: Bool?
    var erasures: [Int64: StoredErasure?] = [:]
}

extension WriteContext {
    /// What the tenant's payloads are sealed under now; nil if they are written as they are. It is found, or made, in the
    /// transaction that writes them: so none is ever sealed under a key that has been dropped.
    /// - Parameter copied: what the payloads are copied from: what is sealed stays so.
    func payloadKey(of tenant: Int64, copied: PayloadForm = .plain) throws -> (any PayloadKey)? {
        guard sealsPayloads || copied == .sealed else { return nil }
        if let known = payloads.keys[tenant] { return known }
        let key = try storedKey(of: tenant) ?? makeKey(for: tenant)
        payloads.keys[tenant] = key
        return key
    }

    private func storedKey(of tenant: Int64) throws -> (any PayloadKey)? {
        let owner = try name(of: tenant)
        return try connection.first("SELECT name, sealed FROM data_keys WHERE tenant = ? LIMIT 1", owner.text) { row in
            guard let name = PayloadKeyName(bytes: row.bytes(0)) else {
                throw DamagedValue(description: "damaged file: the data key of \(owner) has no name")
            }
            return try payloadKeys.key(name, row.bytes(1), of: owner)
        }
    }

    /// Why a claim of the job would be for nothing here: its tenant's data key does not open, so that it cannot be read, or
    /// its result not be sealed. nil if it can be worked.
    func keyFailure(of job: OpenJob) throws -> JobStoreError? {
        guard let failure = try keyFailure(of: job.tenant) else { return nil }
        if sealsPayloads { return failure }
        let form = try connection.first("SELECT sealed FROM jobs WHERE row = ? LIMIT 1", job.row) { $0.int(0) }
        return form == PayloadForm.sealed.rawValue ? failure : nil
    }

    private func keyFailure(of tenant: Int64) throws -> JobStoreError? {
        if payloads.keys[tenant] != nil { return nil }
        if let known = payloads.keyFailures[tenant] { return known }
        var failure: JobStoreError?
        do {
            _ = try storedKey(of: tenant)
        } catch let error as JobStoreError {
            failure = error
        }
        payloads.keyFailures[tenant] = .some(failure)
        return failure
    }

    private func makeKey(for tenant: Int64) throws -> any PayloadKey {
        let owner = try name(of: tenant)
        let made = try payloadKeys.make(for: owner)
        try requireKeyring(made.keyringRevision)
        try connection.execute(
            "INSERT INTO data_keys (tenant, name, sealed) VALUES (?, ?, ?)", owner.text, made.key.name.bytes,
            made.sealed)
        return made.key
    }

    /// What of `plain` is stored, and in which form.
    func stored(
        _ plain: [UInt8], as place: PayloadPlace, of tenant: Int64
    ) throws -> (bytes: [UInt8], form: PayloadForm) {
        guard let key = try payloadKey(of: tenant) else { return (plain, .plain) }
        return (try SealedPayload.seal(plain, as: place, under: key), .sealed)
    }

    // MARK: Fingerprints

    /// What of a submission's fingerprint is stored: its mark under the tenant's key, if its payloads are sealed. By the bare
    /// hash somebody who guesses a prompt could confirm it.
    func storedFingerprint(_ fingerprint: [UInt8], of tenant: Int64) throws -> [UInt8] {
        try payloadKey(of: tenant)?.mark(fingerprint) ?? fingerprint
    }

    /// Whether `stored` is of that submission, in whichever form.
    func isFingerprint(_ stored: [UInt8], of submission: [UInt8], by tenant: Int64?) throws -> Bool {
        guard stored != submission, let tenant else { return stored == submission }
        let key = try payloads.keys[tenant] ?? storedKey(of: tenant)
        return key.map { $0.mark(submission) == stored } ?? false
    }

    // MARK: Erasures

    /// nil if nothing of it was ever erased.
    func erasure(of tenant: Int64) throws -> StoredErasure? {
        guard try hasErasures() else { return nil }
        if let known = payloads.erasures[tenant] { return known }
        let found = try connection.first(
            "SELECT jobs_through, batches_through FROM erasures WHERE tenant = ? LIMIT 1", tenant
        ) { StoredErasure(jobs: $0.int64(0), batches: $0.int64(1)) }
        payloads.erasures[tenant] = .some(found)
        return found
    }

    /// Where there has never been one, jobs need not be looked up in them.
    private func hasErasures() throws -> Bool {
        if let known = payloads.erasuresExist { return known }
        let exist = try connection.first("SELECT 1 FROM erasures LIMIT 1") { _ in true } ?? false
        payloads.erasuresExist = exist
        return exist
    }

    /// Whether the job must end as canceled: what it was submitted with is erased.
    func isErased(_ job: OpenJob) throws -> Bool {
        try erasure(of: job.tenant).map { job.row <= $0.jobs } ?? false
    }
}
