import Domain
import Glibc

extension SQLiteJobStore {
    /// Writes a copy of the store, as one instant has it, to `target`, while others go on reading and writing; then checks
    /// and syncs it. An unfinished copy has the name `target.partial`.
    /// - Parameters:
    ///   - target: must not exist.
    ///   - progress: called with the pages copied and the pages in all.
    /// - Throws: `.unavailable`; nothing has the name `target` then.
    package static func backUp(
        _ path: String, to target: String, progress: (Int, Int) -> Void
    ) throws(JobStoreError) {
        let partial = target + ".partial"
        do {
            guard access(target, F_OK) != 0 else {
                throw JobStoreError.unavailable(detail: "\(target) exists; choose another name")
            }
            unlink(partial)
            try SQLiteConnection(path: path).copy(to: partial, progress: progress)
            try check(partial)
            try sync(partial)
            guard rename(partial, target) == 0 else { throw JobStoreError.system("rename to", target) }
        } catch {
            unlink(partial)
            throw JobStoreError(error)
        }
    }

    /// What is wrong with the file: damaged pages, and counts that differ from a recount. Reads all of it.
    package func problems() async throws(JobStoreError) -> [String] {
        try await read { connection in
            try connection.damage() + connection.miscounts()
        }
    }

    /// - Throws: `.unavailable` if the file is damaged.
    private static func check(_ path: String) throws {
        if let damage = try SQLiteConnection(path: path).damage().first {
            throw JobStoreError.unavailable(detail: "the copy is damaged: \(damage)")
        }
    }

    private static func sync(_ path: String) throws {
        let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw JobStoreError.system("open", path) }
        defer { close(file) }
        guard fsync(file) == 0 else { throw JobStoreError.system("sync", path) }
    }
}

extension SQLiteConnection {
    /// What is wrong with the file's pages, five findings at most. Reads all of it.
    fileprivate func damage() throws -> [String] {
        try all("PRAGMA quick_check(5)") { $0.text(0) }.filter { $0 != "ok" }
    }

    /// Where counts differ from a recount: of jobs by tenant and state, and of deliveries by state and by lane. Reads all
    /// of it.
    fileprivate func miscounts() throws -> [String] {
        let tenants = try all(
            "SELECT number, name, queued, running, succeeded, errored, canceled, expired FROM tenants ORDER BY name"
        ) { row in
            (number: row.int64(0), name: row.text(1), counts: (2..<8).map { row.int(Int32($0)) })
        }
        var recount: [Int64: [Int]] = [:]
        let found = try all(
            """
            SELECT tenant, 0, count(*) FROM queued GROUP BY 1 UNION ALL SELECT tenant, 1, count(*) FROM running GROUP BY 1
            UNION ALL SELECT tenant, state, count(*) FROM ended GROUP BY 1, 2
            """
        ) { (tenant: $0.int64(0), state: $0.int(1), count: $0.int(2)) }
        for row in found where (0..<6).contains(row.state) {
            recount[row.tenant, default: Array(repeating: 0, count: 6)][row.state] = row.count
        }
        var problems: [String] = []
        func compare(_ what: String, _ said: Int, _ are: Int) {
            if said != are { problems.append("\(what): counted \(said), there are \(are)") }
        }
        for tenant in tenants {
            for state in JobState.allCases {
                let are = recount[tenant.number]?[state.code] ?? 0
                compare("\(state.rawValue) jobs of \(tenant.name)", tenant.counts[state.code], are)
            }
        }
        for state in JobState.allCases {
            let said = try counter("jobs." + state.rawValue)
            compare("\(state.rawValue) jobs", said, recount.values.reduce(0) { $0 + $1[state.code] })
        }
        compare("jobs in any state", recount.values.joined().reduce(0, +), Int(try number("SELECT count(*) FROM jobs")))
        for models in try classCounts() {
            compare("queued jobs of class \(models.name)", models.said, models.are)
        }
        for state in DeliveryState.allCases {
            let are = try number("SELECT count(*) FROM deliveries WHERE state = \(state.code)")
            compare("\(state.rawValue) callbacks", try counter("deliveries." + state.rawValue), Int(are))
        }
        for lane in try laneCounts() {
            compare("pending callbacks to \(lane.name)", lane.pending.said, lane.pending.are)
            compare("callbacks under way to \(lane.name)", lane.inFlight.said, lane.inFlight.are)
        }
        let lost = try number(
            "SELECT count(*) FROM deliveries WHERE state = 0 AND lane NOT IN (SELECT number FROM lanes)")
        compare("pending callbacks without a lane", 0, Int(lost))
        return problems
    }

    private func classCounts() throws -> [(name: String, said: Int, are: Int)] {
        try all(
            """
            SELECT c.name, c.queued, count(q.job) FROM model_classes c LEFT JOIN queued q ON q.class = c.number GROUP BY 1
            """
        ) { ($0.text(0), $0.int(1), $0.int(2)) }
    }

    private typealias Recount = (said: Int, are: Int)

    private func laneCounts() throws -> [(name: String, pending: Recount, inFlight: Recount)] {
        try all(
            """
            SELECT l.name, l.pending, count(d.row), l.in_flight, coalesce(sum(d.in_flight), 0)
            FROM lanes l LEFT JOIN deliveries d ON d.lane = l.number AND d.state = 0 GROUP BY l.number
            """
        ) { ($0.text(0), ($0.int(1), $0.int(2)), ($0.int(3), $0.int(4))) }
    }

    private func counter(_ name: String) throws -> Int {
        try first("SELECT count FROM counters WHERE name = ?", name) { $0.int(0) } ?? 0
    }
}
