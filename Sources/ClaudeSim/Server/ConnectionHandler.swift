import Glibc
import NIOCore
import NIOHTTP1

/// One connection: collects a request, asks the simulator, plays the answer's steps, takes the next request.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// How long a client may take to notice a refusal while its body is thrown away.
    private static let lingering = TimeAmount.seconds(2)
    /// A buffer up to this many bytes serves the connection's next body, too.
    private static let keptCapacity = 65_536

    private let simulator: Simulator
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    private var isDiscarding = false
    private var steps: ArraySlice<ReplyStep> = []
    private var scope: LimitScope?
    private var source: String?
    private var isKeptAlive = true
    private var timer: Scheduled<Void>?

    init(_ simulator: Simulator) {
        self.simulator = simulator
    }

    func channelActive(context: ChannelHandlerContext) {
        source = context.remoteAddress?.ipAddress
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): begin(head, context: context)
        case .body(var part) where !isDiscarding:
            if body.readableBytes + part.readableBytes > Simulator.maxBodyBytes {
                refuseTooLarge(context: context)
            } else {
                body.writeBuffer(&part)
            }
        case .end where !isDiscarding: answer(context: context)
        case .body, .end: break
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        steps = []
        release()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func begin(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        self.head = head
        if body.capacity > Self.keptCapacity { body = ByteBuffer() } else { body.clear() }
        let length = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
        if length > Simulator.maxBodyBytes { return refuseTooLarge(context: context) }
        if head.headers.first(name: "expect")?.lowercased() == "100-continue" {
            let interim = HTTPResponseHead(version: head.version, status: .continue)
            context.writeAndFlush(wrapOutboundOut(.head(interim)), promise: nil)
        }
    }

    private func refuseTooLarge(context: ChannelHandlerContext) {
        isDiscarding = true
        isKeptAlive = false
        body = ByteBuffer()
        start(simulator.refuseTooLarge(), context: context)
    }

    private func answer(context: ChannelHandlerContext) {
        guard let head else { return }
        isKeptAlive = head.isKeepAlive
        let request = SimulatorRequest(
            method: head.method, uri: head.uri, headers: head.headers, body: body, source: source)
        start(simulator.reply(to: request), context: context)
    }

    private func start(_ reply: Reply, context: ChannelHandlerContext) {
        scope = reply.scope
        steps = reply.steps[...]
        play(context: context)
    }

    private func play(context: ChannelHandlerContext) {
        while let step = steps.popFirst() {
            switch step {
            case .wait(let duration):
                context.flush()
                let amount = TimeAmount(duration)
                timer = context.eventLoop.assumeIsolated().scheduleTask(in: amount) { self.play(context: context) }
                return
            case .head(let status, let headers): writeHead(status: status, headers, context: context)
            case .bytes(let bytes):
                if head?.method != .HEAD { context.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil) }
            case .end: return end(context: context)
            case .reset: return reset(context: context)
            case .hang: return
            }
        }
    }

    private func writeHead(status: Int, _ headers: HTTPHeaders, context: ChannelHandlerContext) {
        let version = head?.version ?? .http1_1
        var headers = headers
        if version != .http1_1 && !headers.contains(name: "content-length") { isKeptAlive = false }
        if !isKeptAlive {
            headers.add(name: "connection", value: "close")
        } else if version != .http1_1 {
            headers.add(name: "connection", value: "keep-alive")
        }
        let response = HTTPResponseHead(version: version, status: .init(statusCode: status), headers: headers)
        context.write(wrapOutboundOut(.head(response)), promise: nil)
    }

    private func end(context: ChannelHandlerContext) {
        release()
        guard isDiscarding || !isKeptAlive else {
            return context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
        let isLingering = isDiscarding
        context.writeAndFlush(wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { _ in
            if isLingering { self.linger(context: context) } else { context.close(promise: nil) }
        }
    }

    /// Closes our side only: a full close with unread input would reset the connection and the refusal could be lost.
    private func linger(context: ChannelHandlerContext) {
        context.close(mode: .output, promise: nil)
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.lingering) { context.close(promise: nil) }
    }

    private func reset(context: ChannelHandlerContext) {
        release()
        guard let socket = context.channel as? any SocketOptionProvider else { return context.close(promise: nil) }
        socket.setSoLinger(Glibc.linger(l_onoff: 1, l_linger: 0)).assumeIsolated().whenComplete { _ in
            context.close(promise: nil)
        }
    }

    /// The request is no longer in flight; told once.
    private func release() {
        guard let scope else { return }
        self.scope = nil
        simulator.finish(scope: scope)
    }
}
