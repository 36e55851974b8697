import Domain
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// HTTP/1.1 connections whose work is cancelled as soon as the client closes its end: a call to the upstream that
/// nobody waits for any more would be billed all the same. Too many connections, and requests that are not sound, are
/// refused before they become work.
struct WatchedHTTP1: ServerChildChannel {
    struct Value: ServerChildChannelValue {
        let connection: HTTP1Channel.Value
        let watch: ClientWatch
        var channel: any Channel { connection.channel }
    }

    let http: HTTP1Channel
    let writeTimeout: Duration
    /// Bytes/s; see ``StallGuard``.
    let answerRate: Int
    let limits: ConnectionLimits
    let desk: ConnectionDesk
    /// nil: connections are not encrypted.
    let tls: TLSCredentials?

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let refusal: RelayError?
        do {
            refusal = try desk.welcome(channel, isPlain: tls == nil)
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
        let watch = ClientWatch()
        return http.setup(channel: channel, logger: logger).flatMapThrowing { connection in
            let pipeline = channel.pipeline.syncOperations
            try guardRequests(pipeline, refusal)
            if let tls { try pipeline.addHandler(tls.handler(), position: .first) }
            try pipeline.addHandler(StallGuard(grace: writeTimeout, rate: answerRate), position: .first)
            try pipeline.addHandler(watch, position: .first)
            // Small frames of a stream must not wait for the acknowledgement of the ones before.
            try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1)
            return Value(connection: connection, watch: watch)
        }
    }

    private func guardRequests(
        _ pipeline: ChannelPipeline.SynchronousOperations, _ refusal: RelayError?
    ) throws {
        let gate = RequestGate(limits, refusal: refusal)
        let parser = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
        try pipeline.addHandler(gate, position: .after(parser))
        try pipeline.addHandler(ArrivalMeter(gate), position: .before(parser))
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
