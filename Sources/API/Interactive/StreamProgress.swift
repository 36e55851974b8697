import Domain

/// How far a streamed answer has come, and what it means so far.
struct StreamProgress {
    /// Whether its bytes are events that can be followed.
    let isEventStream: Bool
    /// What an `error` event means; nil if there was none.
    private(set) var error: Verdict?
    /// The client has something to see: a content event, or the whole message.
    private(set) var hasBegun = false
    private var isStopped = false
    /// Whether the body has ended, however it did.
    private(set) var hasEnded = false
    private var failure: TransportFailure?
    private var receivedBytes = 0
    private var scanner = SSEScanner()

    init(isEventStream: Bool) {
        self.isEventStream = isEventStream
    }

    var isBetweenEvents: Bool { scanner.isBetweenEvents }

    mutating func feed(_ chunk: [UInt8]) {
        guard isEventStream else { return }
        receivedBytes += chunk.count
        for event in scanner.feed(chunk) {
            switch event {
            case .content: hasBegun = true
            case .stop: (hasBegun, isStopped) = (true, true)
            case .error(let data): error = error ?? Self.verdict(of: data)
            case .other: break
            }
        }
    }

    /// What the events so far say of the tokens used; nil if they do not.
    var usage: TokenUsage? { TokenUsage(streamStart: scanner.startData, delta: scanner.deltaData) }

    /// The same for the books, the tenant's and those of pacing. An answer that ended before it said how much it had generated is taken to have a
    /// token for every four bytes that came, so that breaking calls off in time does not make them free.
    /// - Parameter maxTokens: what the request allowed.
    func usage(atMost maxTokens: Int?) -> TokenUsage? {
        guard let usage, scanner.deltaData.isEmpty else { return usage }
        let output = max(usage.output, min(maxTokens ?? .max, receivedBytes / 4))
        return TokenUsage(
            input: usage.input, output: output, cacheCreation: usage.cacheCreation,
            hourCacheCreation: usage.hourCacheCreation, cacheRead: usage.cacheRead)
    }

    /// - Parameter failure: nil for a clean end of the body.
    mutating func end(_ failure: TransportFailure?) {
        self.failure = failure
        hasEnded = true
    }

    /// Whether the body ended where no answer ends.
    var isBrokenOff: Bool {
        isEventStream ? !isStopped && error == nil : failure != nil
    }

    /// For the booking, once the body has ended.
    var verdict: Verdict {
        if let error { return error }
        if let failure, !isStopped { return .egressFault(failure) }
        return isEventStream && !isStopped ? .upstreamFault(retryAfter: nil) : .success
    }

    private static func verdict(of data: [UInt8]) -> Verdict {
        guard let envelope = try? JSONFields(data), let error = envelope.member("error"),
            let fields = try? JSONFields(data, in: error.value), let type = fields.member("type")
        else { return .upstreamFault(retryAfter: nil) }
        let code = fields.member("details")
            .flatMap { try? JSONFields(data, in: $0.value) }
            .flatMap { details in details.member("error_code").flatMap { details.string($0) } }
        return .ofStreamError(type: fields.string(type) ?? "", code: code)
    }
}
