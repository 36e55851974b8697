import NIOCore
import NIOHTTP1

/// Turns a decision about a Messages request into the steps of its answer.
struct ReplyComposer: Sendable {
    /// What the real API's edge sends when no API server answers.
    static let gatewayPage =
        "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
        + "<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"

    private static let beforeReset = Duration.milliseconds(5)
    private static let dripInterval = Duration.milliseconds(2)
    private static let dripBytes = 7

    let writer: MessageWriter
    let latency: LatencyDistribution
    let tokenInterval: LatencyDistribution
    let slowness: Duration

    /// - Parameters:
    ///   - headers: what every answer carries; the composer adds the content's type and length.
    ///   - fault: already fitted to the kind of answer.
    func steps(
        for facts: MessageFacts, isStream: Bool, fault: FaultKind?, requestID: String, headers: HTTPHeaders,
        using generator: inout SeededGenerator
    ) -> [ReplyStep] {
        if let fault, let refusal = Self.refusal(fault, requestID: requestID, headers: headers) { return refusal }
        let delay = latency.sample(using: &generator) + (fault == .slowFirstByte ? slowness : .zero)
        let start: [ReplyStep] = delay > .zero ? [.wait(delay)] : []
        guard isStream else { return start + plain(facts, fault: fault, headers: headers) }
        return start + stream(facts, fault: fault, requestID: requestID, headers: headers, using: &generator)
    }

    /// A complete answer with an error envelope.
    static func steps(for error: ErrorEnvelope, requestID: String, headers: HTTPHeaders) -> [ReplyStep] {
        whole(status: error.status, error.body(requestID: requestID), headers: headers)
    }

    /// A complete answer whose body is at hand.
    static func whole(
        status: Int, _ body: ByteBuffer, type: String = "application/json", headers: HTTPHeaders
    ) -> [ReplyStep] {
        [.head(status: status, described(headers, type: type, length: body.readableBytes)), .bytes(body), .end]
    }

    /// The faults that come instead of an execution are answered at once; nil for all others.
    private static func refusal(_ fault: FaultKind, requestID: String, headers: HTTPHeaders) -> [ReplyStep]? {
        switch fault {
        case .reset: return [.reset]
        case .hang: return [.hang]
        case .gatewayPage:
            return whole(status: 502, ByteBuffer(string: gatewayPage), type: "text/html", headers: headers)
        default: break
        }
        guard let envelope = fault.envelope else { return nil }
        var headers = headers
        if let seconds = fault.retryAfterSeconds { headers.add(name: "retry-after", value: String(seconds)) }
        return steps(for: envelope, requestID: requestID, headers: headers)
    }

    private func plain(_ facts: MessageFacts, fault: FaultKind?, headers: HTTPHeaders) -> [ReplyStep] {
        let body = writer.message(facts)
        let half = body.getSlice(at: body.readerIndex, length: body.readableBytes / 2) ?? body
        switch fault {
        case .truncatedJSON: return Self.whole(status: 200, half, headers: headers)
        case .resetBody:
            let described = Self.described(headers, type: "application/json", length: body.readableBytes)
            return [.head(status: 200, described), .bytes(half), .wait(Self.beforeReset), .reset]
        case .drip: return Self.dripping(Self.whole(status: 200, body, headers: headers))
        default: return Self.whole(status: 200, body, headers: headers)
        }
    }

    private func stream(
        _ facts: MessageFacts, fault: FaultKind?, requestID: String, headers: HTTPHeaders,
        using generator: inout SeededGenerator
    ) -> [ReplyStep] {
        let head = ReplyStep.head(status: 200, Self.described(headers, type: "text/event-stream; charset=utf-8"))
        let cut = StreamScript.cut(facts)
        switch fault {
        case .resetStream: return [head] + paced(cut, of: facts, using: &generator) + [.wait(Self.beforeReset), .reset]
        case .truncatedJSON: return [head] + paced(cut, of: facts, using: &generator) + [.end]
        case .errorStream:
            let events = cut + [.error(requestID: requestID)]
            return [head] + paced(events, of: facts, using: &generator) + [.end]
        default:
            let events = StreamScript.complete(facts)
            let steps = [head] + paced(events, of: facts, using: &generator) + [.end]
            return fault == .drip ? Self.dripping(steps) : steps
        }
    }

    /// The events as few writes as the pauses before the second and later deltas allow.
    private func paced(
        _ events: [StreamEvent], of facts: MessageFacts, using generator: inout SeededGenerator
    ) -> [ReplyStep] {
        var steps: [ReplyStep] = []
        var buffer = ByteBufferAllocator().buffer(capacity: events.count * 128 + 512)
        for event in events {
            if case .delta(let position) = event, position > 0, tokenInterval != .none {
                steps += Self.taken(&buffer)
                steps.append(.wait(tokenInterval.sample(using: &generator)))
            }
            writer.write(event, of: facts, into: &buffer)
        }
        return steps + Self.taken(&buffer)
    }

    private static func taken(_ buffer: inout ByteBuffer) -> [ReplyStep] {
        buffer.readSlice(length: buffer.readableBytes).map { [.bytes($0)] } ?? []
    }

    private static func dripping(_ steps: [ReplyStep]) -> [ReplyStep] {
        steps.flatMap { step -> [ReplyStep] in
            guard case .bytes(var rest) = step else { return [step] }
            var pieces: [ReplyStep] = []
            while let piece = rest.readSlice(length: min(dripBytes, rest.readableBytes)), piece.readableBytes > 0 {
                pieces += [.bytes(piece), .wait(dripInterval)]
            }
            return pieces
        }
    }

    private static func described(_ headers: HTTPHeaders, type: String, length: Int? = nil) -> HTTPHeaders {
        var headers = headers
        headers.add(name: "content-type", value: type)
        if let length { headers.add(name: "content-length", value: String(length)) }
        return headers
    }
}
