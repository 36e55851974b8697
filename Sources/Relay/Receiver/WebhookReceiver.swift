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
        var status = HTTPResponse.Status.contentTooLarge
        if let buffer = try? await request.body.collect(upTo: Self.bodyLimit) {
            let headers = request.headers.map { HeaderField($0.name.rawName.lowercased(), $0.value) }
            status = .init(code: await onCallback(headers, Array(buffer.readableBytesView)))
        }
        let head = HTTPResponse(status: status, headerFields: [.contentLength: "0"])
        try await writer.writeResponse(head)
    }
}
