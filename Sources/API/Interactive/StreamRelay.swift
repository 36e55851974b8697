import Domain
import HTTPTypes
import Upstream

/// Hands one streamed answer through to the client, byte for byte.
///
/// Nothing is sent before the first content event, so that what fails earlier can still be tried again elsewhere; nor
/// is anything held back after it.
struct StreamRelay {
    private static let ping = Array("event: ping\ndata: {\"type\":\"ping\"}\n\n".utf8)
    /// More than this without a content event is not an answer that we know; it is handed on.
    private static let holdLimit = 256 * 1024

    private enum Arrival: Sendable {
        case chunk([UInt8])
        case end
        case failure(TransportFailure)
        /// The time for a ping may have come.
        case quiet
    }

    private let services: APIServices
    private let requestID: String
    private let stream: StreamedExchange
    private let sink: AnswerSink
    private let meter: CallMeter?
    private var progress: StreamProgress
    private var held: [UInt8] = []
    private var isReleased = false

    init(
        services: APIServices, requestID: String, stream: StreamedExchange, sink: AnswerSink, meter: CallMeter? = nil
    ) {
        self.meter = meter
        self.services = services
        self.requestID = requestID
        self.stream = stream
        self.sink = sink
        progress = StreamProgress(isEventStream: Self.isEventStream(stream.headers))
    }

    /// - Returns: nil once the client has its answer; otherwise the failure that came before anything was sent.
    mutating func run() async throws -> InteractiveOutcome? {
        do {
            let outcome = try await relay()
            await book(outcome?.verdict ?? progress.verdict)
            return outcome
        } catch {
            let gone = TransportFailure(.canceled, maybeSent: true, detail: "the client is gone")
            await book(progress.hasEnded ? progress.verdict : .egressFault(gone))
            throw error
        }
    }

    private func book(_ verdict: Verdict) async {
        let usage = progress.usage(atMost: meter?.maxTokens)
        await services.gateway.book(verdict, of: stream, usage: usage)
        meter?.note(verdict, key: stream.key, usage: usage, at: services.wall.now())
    }

    private mutating func relay() async throws -> InteractiveOutcome? {
        let (body, clock, interval) = (stream.body, services.clock, services.configuration.pingInterval)
        var quiet = Stopwatch(clock)
        if !progress.isEventStream { try await release() }
        return try await withThrowingTaskGroup(of: Arrival.self) { group in
            defer { group.cancelAll() }
            group.addTask { await Self.pull(body) }
            group.addTask {
                try await clock.sleep(for: interval)
                return .quiet
            }
            while let arrival = try await group.next() {
                switch arrival {
                case .chunk(let bytes):
                    quiet = Stopwatch(clock)  // silence counts from the arrival, however long the client takes
                    if let early = try await take(bytes) { return early }
                    group.addTask { await Self.pull(body) }
                case .quiet:
                    if quiet.elapsed >= interval {
                        quiet = Stopwatch(clock)
                        try await keepAlive()
                    }
                    let pause = interval - quiet.elapsed
                    group.addTask {
                        try await clock.sleep(for: pause)
                        return .quiet
                    }
                case .end: return try await finish(nil)
                case .failure(let failure): return try await finish(failure)
                }
            }
            return nil
        }
    }

    private static func pull(_ body: AnswerBody) async -> Arrival {
        do {
            guard let bytes = try await body.next() else { return .end }
            return .chunk(bytes)
        } catch {
            return .failure(error)
        }
    }

    private mutating func take(_ bytes: [UInt8]) async throws -> InteractiveOutcome? {
        progress.feed(bytes)
        guard !isReleased else {
            try await sink.write(bytes)
            return nil
        }
        held += bytes
        if let verdict = progress.error, verdict.isRetryable { return early(verdict) }
        if progress.hasBegun || progress.error != nil || held.count > Self.holdLimit { try await release() }
        return nil
    }

    /// After a silence: from here on the client has a part of the answer, and nothing is tried again.
    private mutating func keepAlive() async throws {
        guard progress.isEventStream else { return }
        if !isReleased { try await release() }
        if progress.isBetweenEvents { try await sink.write(Self.ping) }
    }

    private mutating func release() async throws {
        isReleased = true
        var headers = ForwardedHeaders.toClient(stream.headers)
        headers[.relayRequestID] = requestID
        try await sink.start(status: stream.status, headers: headers)
        try await sink.write(held)
        held = []
    }

    private mutating func finish(_ failure: TransportFailure?) async throws -> InteractiveOutcome? {
        try Task.checkCancellation()
        progress.end(failure)
        if !isReleased {
            if progress.verdict != .success { return early(progress.verdict) }
            try await release()
        }
        guard progress.isBrokenOff else {
            try await sink.end()
            return nil
        }
        let error = InteractiveOutcome.unreachable("the answer broke off", mayBeExecuted: true)
        // Without events there is no way to tell but to break off, too.
        guard progress.isEventStream else { throw error }
        if !progress.isBetweenEvents { try await sink.write(Array("\n\n".utf8)) }
        try await sink.write(ErrorResponse.event(of: error, requestID: requestID))
        try await sink.end()
        return nil
    }

    /// What to answer if this attempt turns out to be the last one: the error event as the upstream sent it.
    private func early(_ verdict: Verdict) -> InteractiveOutcome {
        let reply = progress.error.map { _ in
            UpstreamReply(status: stream.status, headers: stream.headers, body: held)
        }
        return InteractiveOutcome(verdict: verdict, reply: reply, requestID: requestID)
    }

    /// Compressed events cannot be read; they are handed on like any other bytes.
    private static func isEventStream(_ headers: [HeaderField]) -> Bool {
        let type = headers.first("content-type")?.lowercased() ?? ""
        let encoding = headers.first("content-encoding")?.lowercased() ?? "identity"
        return type.hasPrefix("text/event-stream") && encoding == "identity"
    }
}
