import NIOCore
import NIOHTTP1
import NIOPosix

/// A simulator that listens on a TCP port.
final class SimulatorServer: Sendable {
    let simulator: Simulator
    let port: Int
    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel

    private init(simulator: Simulator, group: MultiThreadedEventLoopGroup, channel: any Channel) {
        self.simulator = simulator
        self.group = group
        self.channel = channel
        port = channel.localAddress?.port ?? 0
    }

    /// - Parameter port: 0 takes a free one.
    static func start(
        _ settings: SimulatorSettings, host: String, port: Int, threads: Int
    ) async throws -> SimulatorServer {
        let simulator = Simulator(settings)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        do {
            let channel = try await bootstrap(group, simulator).bind(host: host, port: port).get()
            return SimulatorServer(simulator: simulator, group: group, channel: channel)
        } catch {
            try await group.shutdownGracefully()
            throw error
        }
    }

    /// Returns when the port is closed.
    func closed() async throws {
        try await channel.closeFuture.get()
    }

    /// Closes the port and every connection.
    func stop() async throws {
        try await channel.close()
        try await group.shutdownGracefully()
    }

    private static func bootstrap(_ group: MultiThreadedEventLoopGroup, _ simulator: Simulator) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4_096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    // No header written here contains a client's bytes, so there is nothing to validate.
                    try pipeline.configureHTTPServerPipeline(
                        withPipeliningAssistance: true, withErrorHandling: true, withOutboundHeaderValidation: false
                    )
                    try pipeline.addHandler(ConnectionHandler(simulator))
                }
            }
    }
}
