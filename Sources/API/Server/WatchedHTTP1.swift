import HummingbirdCore
import Logging
import NIOCore

/// HTTP/1.1 connections whose work is cancelled as soon as the client closes its end: a call to the upstream that
/// nobody waits for any more would be billed all the same.
struct WatchedHTTP1: ServerChildChannel {
    struct Value: ServerChildChannelValue {
        let connection: HTTP1Channel.Value
        let watch: ClientWatch
        var channel: any Channel { connection.channel }
    }

    let http: HTTP1Channel
    let writeTimeout: Duration

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let watch = ClientWatch()
        return http.setup(channel: channel, logger: logger).flatMapThrowing { connection in
            try channel.pipeline.syncOperations.addHandler(StallGuard(limit: writeTimeout), position: .first)
            try channel.pipeline.syncOperations.addHandler(watch, position: .first)
            // Small frames of a stream must not wait for the acknowledgement of the ones before.
            try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1)
            return Value(connection: connection, watch: watch)
        }
    }

    func handle(value: Value, logger: Logger) async {
        let executor = EventLoopExecutor(value.channel.eventLoop)
        await withTaskGroup { group in
            group.addTask(executorPreference: executor) {
                await http.handle(value: value.connection, logger: logger)
            }
            group.addTask { await value.watch.gone() }
            await group.next()
            group.cancelAll()
        }
    }
}
