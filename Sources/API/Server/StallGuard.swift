import Domain
import NIOCore

/// Closes a connection whose client has stopped reading, or takes drops: an answer that nobody takes must not hold memory,
/// a key's concurrency and an upstream connection for ever.
///
/// It sleeps until more is written than the connection takes. While bytes wait the client must take them in the pace of
/// ``BodyPace``; time in which the relay has nothing to say, or the client all of it, is not counted.
final class StallGuard: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    private let grace: Duration
    private let rate: Int
    /// nil before bytes have waited for the first time.
    private var pace: BodyPace?
    /// What waits, when it was last looked at; nil while the connection takes more.
    private var waiting: Int?
    private var stoppedAt = Duration.zero
    private var timer: Scheduled<Void>?

    /// - Parameters:
    ///   - grace: how long a client may take nothing. More than zero.
    ///   - rate: bytes/s that it must take in the long run; 0: any.
    init(grace: Duration, rate: Int) {
        self.grace = grace
        self.rate = rate
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            stop(context)
        } else if waiting == nil {
            begin(context)
        }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        context.fireChannelInactive()
    }

    private func begin(_ context: ChannelHandlerContext) {
        let now = now(context)
        pace?.excuse(now - stoppedAt)
        pace = pace ?? BodyPace(grace: grace, rate: rate, beganAt: now)
        waiting = unsent(context)
        watch(context)
    }

    private func stop(_ context: ChannelHandlerContext) {
        look(context)
        waiting = nil
        stoppedAt = now(context)
        timer?.cancel()
        timer = nil
    }

    /// What has gone since the last look has been taken. What was written meanwhile hides as much of it, and that is little:
    /// who writes waits.
    private func look(_ context: ChannelHandlerContext) {
        guard let before = waiting else { return }
        let left = unsent(context)
        if left < before { pace?.arrived(bytes: before - left, at: now(context)) }
        waiting = left
    }

    private func watch(_ context: ChannelHandlerContext) {
        guard let due = pace?.due else { return }
        let wait = TimeAmount.microseconds((due - now(context)).microseconds + 1)
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: wait) { [self] in
            timer = nil
            look(context)
            let isLate = pace.map { $0.due <= now(context) } ?? false
            if isLate { context.close(promise: nil) } else { watch(context) }
        }
    }

    private func now(_ context: ChannelHandlerContext) -> Duration {
        .nanoseconds(Int64(bitPattern: context.eventLoop.now.uptimeNanoseconds))
    }

    private func unsent(_ context: ChannelHandlerContext) -> Int {
        (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }
}
