import Domain

extension SQLiteConnection {
    /// The payload of a row that is `stored` in that form.
    /// - Throws: `.erased` if its data key has been dropped, `.unreadable` if it is not what was sealed for `place`.
    func open(
        _ stored: [UInt8], _ form: PayloadForm, as place: PayloadPlace, by keys: PayloadKeys
    ) throws -> [UInt8] {
        switch form {
        case .plain: return stored
        case .erased: throw JobStoreError.erased
        case .sealed:
            guard let sealed = SealedPayload(stored: stored) else {
                throw JobStoreError.unreadable(.payloadUnreadable(place))
            }
            guard let key = try payloadKey(sealed.key, by: keys) else { throw JobStoreError.erased }
            guard let plain = key.open(sealed.box, as: place) else {
                throw JobStoreError.unreadable(.payloadUnreadable(place))
            }
            return plain
        }
    }

    /// nil if it has been dropped.
    private func payloadKey(_ name: PayloadKeyName, by keys: PayloadKeys) throws -> (any PayloadKey)? {
        try first("SELECT tenant, sealed FROM data_keys WHERE name = ? LIMIT 1", name.bytes) { row in
            try keys.key(name, row.bytes(1), of: TenantID(stored: row.text(0)))
        }
    }

    /// Reads `id, tenant_name, state, model, priority, attempt, created_at, run_at, deadline, ended_at, status, metadata,
    /// cancel_requested, replay_of, replayed_as, sealed, is_erased` of `job_records`. Metadata that does not open is left out,
    /// for there may be more to a list than one damaged row.
    func jobRecord(_ row: SQLiteRow, by keys: PayloadKeys) throws -> JobRecord {
        let metadata = row.bool(16) ? nil : try? openMetadata(row, by: keys)
        return try JobRecord(stored: row, metadata: metadata ?? nil)
    }

    /// The same columns; metadata that does not open is an error, unless nothing can be opened here.
    func strictJobRecord(_ row: SQLiteRow, by keys: PayloadKeys) throws -> JobRecord {
        guard keys.canOpen else { return try jobRecord(row, by: keys) }
        return try JobRecord(stored: row, metadata: row.bool(16) ? nil : openMetadata(row, by: keys))
    }

    private func openMetadata(_ row: SQLiteRow, by keys: PayloadKeys) throws -> [UInt8]? {
        try row.optionalBytes(11).map {
            try open($0, PayloadForm(stored: row.int(15)), as: PayloadPlace(.metadata, of: row.text(0)), by: keys)
        }
    }

    /// The result of a job that has ended. Reads `status, headers, body, sealed`.
    func jobResult(_ row: SQLiteRow, of id: JobID, by keys: PayloadKeys) throws -> JobResult {
        let form = try PayloadForm(stored: row.int(3))
        return JobResult(
            status: row.int(0), headers: try [HeaderField](stored: row.bytes(1)),
            body: try open(row.bytes(2), form, as: PayloadPlace(.result, of: id.text), by: keys))
    }
}
