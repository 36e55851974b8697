import Domain
import Upstream

/// Calls a running relay, for the commands that do.
struct RelayClient: Sendable {
    private static let answerLimit = 1 << 30
    private let base: String
    private let token: Secret?
    private let transport: CurlTransport

    /// - Parameter base: `http://HOST:PORT`, without a slash at the end.
    init(base: String, token: Secret?) throws {
        self.base = base
        self.token = token
        transport = try CurlTransport()
    }

    func get(_ path: String) async throws -> UpstreamReply {
        try await send("GET", path, body: nil, contentType: nil)
    }

    func post(_ path: String, body: [UInt8], contentType: String) async throws -> UpstreamReply {
        try await send("POST", path, body: body, contentType: contentType)
    }

    func shutdown() {
        transport.shutdown()
    }

    private func send(_ method: String, _ path: String, body: [UInt8]?, contentType: String?) async throws
        -> UpstreamReply
    {
        var headers: [HeaderField] = []
        if let token { headers.append(HeaderField("authorization", "Bearer \(token.reveal())")) }
        if let contentType { headers.append(HeaderField("content-type", contentType)) }
        let request = HTTPRequest(method: method, url: base + path, headers: headers, body: body)
        do {
            return try await transport.exchange(request, over: .direct, limit: Self.answerLimit)
        } catch {
            throw RelayError(
                .relayUnreachable, "No answer from \(base): \(error.detail).",
                remedy: "Start a relay there (relay serve), or name another with --relay URL.")
        }
    }
}
