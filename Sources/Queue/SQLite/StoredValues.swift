import Domain
import FoundationEssentials
import GRDB

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
    init(stored data: Data) throws {
        guard let fields = FieldCodec.decode(data) else {
            throw DamagedValue(description: "damaged file: unreadable header list")
        }
        self = fields
    }
}

extension Timestamp {
    init?(stored microseconds: Int64?) {
        guard let microseconds else { return nil }
        self.init(microseconds: microseconds)
    }
}

extension JobRecord {
    /// What ``init(stored:)`` reads, from `jobs j JOIN payloads p ON p.job = j.row`.
    static let columns = """
        j.id, j.tenant, j.state, j.model, j.priority, j.attempt, j.created_at, j.run_at, j.deadline, j.ended_at, \
        j.result_status, p.metadata, j.cancel_requested
        """

    init(stored row: Row) throws {
        let metadata: Data? = row[11]
        self.init(
            id: try JobID(stored: row[0]), tenant: try TenantID(stored: row[1]), state: try JobState(stored: row[2]),
            model: row[3], priority: Priority(row[4]) ?? .normal, attempts: row[5],
            createdAt: Timestamp(microseconds: row[6]), runAt: Timestamp(microseconds: row[7]),
            deadline: Timestamp(stored: row[8]), endedAt: Timestamp(stored: row[9]), resultStatus: row[10],
            metadata: metadata.map { Array($0) }, isCancelRequested: row[12])
    }
}

extension JobResult {
    /// Reads `status, headers, body`.
    init(stored row: Row) throws {
        let body: Data = row[2]
        self.init(status: row[0], headers: try [HeaderField](stored: row[1]), body: Array(body))
    }
}
