import Domain

// Domain values as the file holds them. What does not decode was not written by a relay: the file is damaged.

/// A value in the file that no relay writes.
struct DamagedValue: Error, CustomStringConvertible {
    let description: String
}

extension JobID {
    init(stored text: String) throws {
        guard let id = JobID(text) else { throw DamagedValue(description: "damaged file: '\(text)' is no job id") }
        self = id
    }
}

extension TenantID {
    init(stored text: String) throws {
        guard let id = TenantID(text) else { throw DamagedValue(description: "damaged file: '\(text)' is no tenant") }
        self = id
    }
}

extension JobState {
    init(stored code: Int) throws {
        guard let state = JobState(code: code) else {
            throw DamagedValue(description: "damaged file: \(code) is no job state")
        }
        self = state
    }
}

extension [HeaderField] {
    init(stored bytes: [UInt8]) throws {
        guard let fields = FieldCodec.decode(bytes) else {
            throw DamagedValue(description: "damaged file: unreadable header list")
        }
        self = fields
    }
}

extension [HeaderField] {
    /// A job's headers, and the digest of its body if there is one.
    static func withDigest(stored bytes: [UInt8]) throws -> (headers: [HeaderField], digest: BodyDigest?) {
        let fields = try [HeaderField](stored: bytes)
        guard let last = fields.last, last.name.isEmpty else { return (fields, nil) }
        guard let digest = BodyDigest(text: last.value) else {
            throw DamagedValue(description: "damaged file: '\(last.value)' is no digest")
        }
        return (fields.dropLast(), digest)
    }
}

extension [JobState: Int] {
    /// Reads the counts `queued, running, succeeded, errored, canceled, expired` from `column` on.
    init(stored row: SQLiteRow, from column: Int32) {
        self = [:]
        for (offset, state) in [JobState.queued, .running, .succeeded, .errored, .canceled, .expired].enumerated() {
            self[state] = row.int(column + Int32(offset))
        }
    }
}

extension JobRecord {
    /// Reads `id, tenant_name, state, model, priority, attempt, created_at, run_at, deadline, ended_at, status, metadata,
    /// cancel_requested, replay_of, replayed_as, sealed, is_erased` of `job_records`.
    /// - Parameter metadata: opened.
    init(stored row: SQLiteRow, metadata: [UInt8]?) throws {
        self.init(
            id: try JobID(stored: row.text(0)), tenant: try TenantID(stored: row.text(1)),
            state: try JobState(stored: row.int(2)), model: row.text(3), priority: Priority(row.int(4)) ?? .normal,
            attempts: row.int(5), createdAt: row.time(6), runAt: row.time(7), deadline: row.optionalTime(8),
            endedAt: row.optionalTime(9), resultStatus: row.optionalInt(10), metadata: metadata,
            isCancelRequested: row.bool(12), replayOf: try row.optionalText(13).map(JobID.init(stored:)),
            replayedAs: try row.optionalText(14).map(JobID.init(stored:)), isErased: row.bool(16))
    }
}

extension AttemptRecord {
    /// Reads the columns of `attempts` from `attempt` on, in their order.
    init(stored row: SQLiteRow) {
        let usage = row.optionalInt(13).map {
            TokenUsage(input: $0, output: row.int(14), cacheCreation: row.int(15), cacheRead: row.int(16))
        }
        self.init(
            attempt: row.int(0), key: row.optionalText(1), egress: row.optionalText(2), startedAt: row.time(3),
            firstByteAt: row.optionalTime(4), endedAt: row.time(5), status: row.optionalInt(6),
            requestID: row.optionalText(7), verdict: row.text(8), error: row.optionalText(9), maybeBilled: row.bool(10),
            bytesSent: row.int(11), bytesReceived: row.int(12), usage: usage)
    }
}
