import Domain
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// A receiver of callbacks on this machine, for development: takes each whole and hands it on.
struct WebhookReceiver: Service {
    private static let bodyLimit = 64 * 1024 * 1024
    let port: Int
    let onListening: @Sendable (Int) -> Void
    /// - Returns: the status to answer with.
    let onCallback: @Sendable ([HeaderField], _ body: [UInt8]) async -> Int

    func run() async throws {
        let http = HTTP1Channel(responder: { request, writer, _ in try await answer(request, writer) })
        let server = http.server(
            configuration: .init(address: .hostname("127.0.0.1", port: port)),
            onServerRunning: { onListening($0.localAddress?.port ?? port) },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "receiver"))
        try await server.run()
    }

    private func answer(_ request: Request, _ writer: consuming ResponseWriter) async throws {
        let reply = Reply(writer)
        var status = HTTPResponse.Status.contentTooLarge
        if let buffer = try? await request.body.collect(upTo: Self.bodyLimit) {
            let headers = request.headers.map { HeaderField($0.name.rawName.lowercased(), $0.value) }
            status = .init(code: await onCallback(headers, Array(buffer.readableBytesView)))
        }
        try await reply.send(status)
    }
}

/// The way back to the sender of one callback. Used by one task.
private final class Reply {
    // It wraps the connection's writer, which is Sendable; the server library does not say so of its wrapper.
    private nonisolated(unsafe) var writer: ResponseWriter?

    init(_ writer: consuming ResponseWriter) {
        self.writer = consume writer
    }

    func send(_ status: HTTPResponse.Status) async throws {
        guard let writer = take() else { return }
        try await writer.writeResponse(HTTPResponse(status: status, headerFields: [.contentLength: "0"]))
    }

    private func take() -> sending ResponseWriter? {
        writer.take()
    }
}
