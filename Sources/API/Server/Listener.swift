import Domain
import HummingbirdCore
import NIOCore
import NIOPosix
import ServiceLifecycle

/// One address that the relay listens on, with the routes that are served there.
struct Listener: Sendable {
    let services: APIServices
    /// For metrics.
    let name: String
    let host: String
    /// 0 picks a free one.
    let port: Int
    let routes: RouteTable
    let onListening: @Sendable (Int) -> Void

    func run() async throws {
        let configuration = services.configuration
        let responder = Responder(services: services, routes: routes)
        let http = HTTP1Channel(
            responder: { request, writer, channel in
                try await responder.respond(to: request, with: writer, from: channel.remoteAddress)
            },
            configuration: .init(
                idleTimeout: .milliseconds(configuration.idleTimeout.microseconds / 1000),
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: configuration.headLimit, maxHeaderListSize: configuration.headLimit,
                    maxHeaderFieldCount: configuration.headerCount)))
        let connections = WatchedHTTP1(
            http: http, writeTimeout: configuration.writeTimeout, answerRate: configuration.answerRate,
            limits: ConnectionLimits(configuration),
            desk: ConnectionDesk(configuration, listener: name), tls: configuration.tls)
        let server = connections.server(
            configuration: .init(address: .hostname(host, port: port), backlog: 4096),
            onServerRunning: { onListening($0.localAddress?.port ?? port) },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: services.logger)
        try await server.run()
    }
}
