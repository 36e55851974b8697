import Domain
import NIOCore

/// Closes a connection whose client has stopped reading: an answer that nobody takes must not hold memory, a key's
/// concurrency and an upstream connection for ever.
///
/// It sleeps until more is written than the connection takes. From then on the client must take at least one byte in each
/// span of `limit`.
final class StallGuard: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    private let limit: TimeAmount
    private var timer: Scheduled<Void>?

    init(limit: Duration) {
        self.limit = .microseconds(limit.microseconds)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            stop()
        } else if timer == nil {
            watch(context)
        }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    private func watch(_ context: ChannelHandlerContext) {
        let before = unsent(context)
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: limit) { [self] in
            timer = nil
            if unsent(context) < before { watch(context) } else { context.close(promise: nil) }
        }
    }

    private func stop() {
        timer?.cancel()
        timer = nil
    }

    private func unsent(_ context: ChannelHandlerContext) -> Int {
        (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }
}
