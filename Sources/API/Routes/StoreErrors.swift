import Domain
import Queue

extension JobStore {
    /// Runs `work` on the store and says its errors in the words of the API.
    func reading<Result: Sendable>(
        _ work: (any JobStore) async throws(JobStoreError) -> Result
    ) async throws(RelayError) -> Result {
        do {
            return try await work(self)
        } catch {
            throw RelayError(error)
        }
    }
}

extension RelayError {
    /// What a client can know of a failure of the store; the details are for operators.
    init(_ error: JobStoreError) {
        switch error {
        case .full(let depth, let limit):
            self.init(
                .queueFull, "The queue holds \(depth) unfinished jobs; its limit is \(limit).",
                remedy: "Submit again after the retry-after delay, or raise limits.queue_depth.",
                retryAfter: .seconds(5))
        case .busy(let waiting, let bytes):
            self.init(
                .storeBusy, "\(waiting) writes of \(bytes) bytes wait for the disk already; nothing was changed.",
                remedy: "Retry after the delay, or send less at once.", retryAfter: .seconds(1))
        case .tooMany(let limit):
            self.init(
                .queryInvalid, "The answer has more than \(limit) rows, and part of it would pass for all of it.",
                remedy: "Ask for less: a shorter time (since, until), one tenant, or fewer things to group by.")
        case .erased: self = .payloadErased
        case .unreadable(let error): self = error
        case .keyringChanged:
            self.init(
                .storeBusy, "The relay's keys are being changed; nothing was stored.", remedy: "Retry after the delay.",
                retryAfter: .seconds(1))
        case .unavailable, .leaseLost:
            self.init(
                .storeUnavailable, "The store cannot be read or written now; nothing was changed.",
                remedy: "Retry after the delay; if it stays, see the relay's log and the disk.",
                retryAfter: .seconds(2))
        }
    }
}
