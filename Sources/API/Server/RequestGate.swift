import Domain
import NIOCore
import NIOHTTP1

/// Refuses what must not become a request: heads that can be read in two ways or are too large, and clients that do not
/// get on. It answers, when the requests before are answered, and closes; nothing that follows is ever looked at.
///
/// It stands right behind the parser. ``ArrivalMeter`` tells it of bytes before they are parsed.
final class RequestGate: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// How long a client that was refused may take to read why, while what it still sends is thrown away.
    static let farewell = TimeAmount.seconds(2)

    private let limits: ConnectionLimits
    private var pace: RequestPace
    private var timer: Scheduled<Void>?
    /// When it fires.
    private var timerAt = Duration.zero
    private var refusal: RelayError?
    /// Requests passed on whose answers have not ended.
    private var openAnswers = 0
    /// Whether the client has said, as HTTP/1.0 does by saying nothing, that it sends no other request.
    private var isLast = false
    /// Whether the body that is under way came too late: whoever reads it has been told, and answers.
    private var isLate = false
    /// Whether the head of the answer that is being written is out.
    private var isAnswering = false

    /// - Parameter refusal: why the connection is to end before anything is asked; nil: it may go on.
    init(_ limits: ConnectionLimits, refusal: RelayError?) {
        self.limits = limits
        self.refusal = refusal
        pace = RequestPace(
            headTimeout: limits.headTimeout, bodyTimeout: limits.bodyTimeout, bodyRate: limits.bodyRate,
            openedAt: Self.now)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        watch(context)
    }

    /// Whether there is still anything to parse for.
    func bytesArrived() -> Bool {
        guard refusal == nil, !isLate else { return false }
        pace.bytesArrived(at: Self.now)
        return true
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard refusal == nil, !isLate else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            if let fault = limits.rules.fault(
                isHTTP10: head.version == .http1_0, target: head.uri, headers: head.headers)
            {
                return refuse(fault, context)
            }
            openAnswers += 1
            isLast = head.version == .http1_0 && !head.isKeepAlive
            pace.headEnded(at: Self.now)
        case .body(let bytes): pace.bodyArrived(bytes: bytes.readableBytes, at: Self.now)
        case .end: pace.requestEnded()
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        pace.readEnded(at: Self.now)
        context.fireChannelReadComplete()
        watch(context)
    }

    func read(context: ChannelHandlerContext) {
        pace.readAsked(at: Self.now)
        context.read()
        watch(context)
    }

    /// A broken body is the business of whoever reads it; a broken head is ours.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let parserError = error as? HTTPParserError, !pace.isInBody else {
            return context.fireErrorCaught(error)
        }
        if parserError == .headerOverflow {
            refuse(limits.headTooLarge, context)
        } else {
            refuse(RequestHeadRules.invalid("The request's head is not HTTP/1.1."), context)
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head) where head.status.code >= 200: isAnswering = true
        case .head, .body: break
        case .end:
            isAnswering = false
            openAnswers -= 1
        }
        context.write(data, promise: promise)
        guard !isAnswering, openAnswers == 0 else { return }
        if let refusal { answer(refusal, context) } else if isLast || isLate { leave(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        if let refusal { answer(refusal, context) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        context.fireChannelInactive()
    }

    private func refuse(_ error: RelayError, _ context: ChannelHandlerContext) {
        guard refusal == nil else { return }
        refusal = error
        RefusalCount.add(error.code)
        if openAnswers == 0 { answer(error, context) }
    }

    private func answer(_ error: RelayError, _ context: ChannelHandlerContext) {
        let (head, body) = Farewell.parts(of: error)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        leave(context)
    }

    private func leave(_ context: ChannelHandlerContext) {
        context.flush()
        context.close(mode: .output, promise: nil)
        timer?.cancel()
        timerAt = .zero
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.farewell) { context.close(promise: nil) }
    }

    /// Sees to it that a client which owes something is looked at when it is due. One timer serves many requests: it is
    /// not moved while they come and go, unless it would be too late for what is due; it finds out when it fires.
    private func watch(_ context: ChannelHandlerContext) {
        guard refusal == nil, !isLate, let due = pace.due, timer == nil || due.at < timerAt else { return }
        timer?.cancel()
        timerAt = due.at
        let wait = TimeAmount.nanoseconds(max(0, (due.at - Self.now).nanoseconds) + 1_000_000)
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: wait) { [self] in
            timer = nil
            guard refusal == nil, let due = pace.due else { return }
            if due.at <= Self.now { lapsed(due.lapse, context) } else { watch(context) }
        }
    }

    private func lapsed(_ lapse: RequestPace.Lapse, _ context: ChannelHandlerContext) {
        switch lapse {
        case .head: refuse(limits.late(with: "head", after: limits.headTimeout), context)
        case .body where openAnswers == 1 && !isAnswering:
            giveUpBody(limits.late(with: "body", after: limits.bodyTimeout), context)
        case .bodyRate where openAnswers == 1 && !isAnswering: giveUpBody(limits.slowBody, context)
        case .body, .bodyRate, .silence: context.close(promise: nil)
        }
    }

    private func giveUpBody(_ error: RelayError, _ context: ChannelHandlerContext) {
        isLate = true
        RefusalCount.add(error.code)
        context.fireErrorCaught(error)
    }

    private static var now: Duration { .nanoseconds(Int64(clamping: NIODeadline.now().uptimeNanoseconds)) }
}

/// Tells a ``RequestGate`` of bytes before they are parsed; keeps them from the parser once nothing can come of it.
final class ArrivalMeter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let gate: RequestGate

    init(_ gate: RequestGate) {
        self.gate = gate
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if gate.bytesArrived() { context.fireChannelRead(data) }
    }
}

extension Duration {
    fileprivate var nanoseconds: Int64 {
        components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
    }
}
