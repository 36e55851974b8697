import Domain

/// A claim that is being filled.
struct OpenClaim: Sendable {
    let limit: Int
    /// Of bodies.
    let bytes: Int
    let worker: String
    let now: Timestamp
    let end: Timestamp
    private(set) var taken: [TakenJob] = []
    private var size = 0
    /// Jobs that it ended as it met them.
    var dropped = 0
    /// Why jobs of a tenant were left as they are: its data key does not open here.
    var closed: JobStoreError?

    init(limit: Int, bytes: Int, worker: String, now: Timestamp, end: Timestamp) {
        (self.limit, self.bytes, self.worker, self.now, self.end) = (limit, bytes, worker, now, end)
    }

    func hasRoom(for job: OpenJob) -> Bool { taken.isEmpty || size + job.bytes <= bytes }

    mutating func took(_ job: TakenJob) {
        taken.append(job)
        size += job.bytes
    }
}

/// A job whose claim is written.
struct TakenJob: Sendable {
    let row: Int64
    let attempt: Int
    let charged: Int
    let firstClaimedAt: Timestamp
    /// Of its body.
    let bytes: Int
}
