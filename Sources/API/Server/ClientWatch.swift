import NIOCore

/// Notices that the client has closed its end of a connection, even while nothing is written to it.
final class ClientWatch: ChannelInboundHandler, Sendable {
    typealias InboundIn = NIOAny

    private let (stream, continuation) = AsyncStream<Never>.makeStream()

    /// Returns once the client is gone or the task is cancelled.
    func gone() async {
        for await _ in stream {}
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { continuation.finish() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        continuation.finish()
        context.fireChannelInactive()
    }
}
