import Domain
import HTTPTypes
import Upstream

/// Anthropic's own surface, answered by the upstream while the client waits.
struct MessagesRoutes: Sendable {
    let services: APIServices

    var all: [Route] {
        [
            Route("POST", "/v1/messages", scope: .messages, handler: messages),
            Route("POST", "/v1/messages/count_tokens", scope: .messages) { call in
                try await forward(call, body: try await collect(call))
            },
            Route("GET", "/v1/models", scope: .messages) { call in try await forward(call, body: nil) },
            Route("GET", "/v1/models/{}", scope: .messages) { call in try await forward(call, body: nil) },
        ]
    }

    private func messages(_ call: Call) async throws -> Answer {
        let body = try await collect(call)
        let isEncoded = call.headers[.contentEncoding].map { $0.lowercased() != "identity" } ?? false
        // A compressed body is not looked into; whether it asks for a stream shows in the answer.
        guard try isEncoded || MessagesRequest(body).isStream else { return try await forward(call, body: body) }
        let interactive = InteractiveCall(
            services: services, requestID: call.id, call: upstreamCall(call, body: body, isStream: true))
        return .live { sink in try await interactive.stream(to: sink) }
    }

    private func forward(_ call: Call, body: [UInt8]?) async throws -> Answer {
        let interactive = InteractiveCall(
            services: services, requestID: call.id, call: upstreamCall(call, body: body, isStream: false))
        return try await interactive.exchange()
    }

    private func collect(_ call: Call) async throws -> [UInt8] {
        try await call.body.collect(limit: services.configuration.bodyLimit)
    }

    private func upstreamCall(_ call: Call, body: [UInt8]?, isStream: Bool) -> UpstreamCall {
        UpstreamCall(
            method: call.method == "HEAD" ? "GET" : call.method, path: call.target,
            headers: ForwardedHeaders.toUpstream(call.headers, isStream: isStream), body: body)
    }
}
