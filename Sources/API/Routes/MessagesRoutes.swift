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
            // Claude Code warms its connection with a HEAD; the upstream need not hear of it.
            Route("GET", "/api/hello", scope: nil) { _ in .full(status: 200, headers: [:], body: []) },
        ]
    }

    /// A path that the relay knows nothing of: its answer may have any form and length, so it is passed on as it comes.
    func other(_ call: Call) async throws -> Answer {
        let body = try await collect(call)
        let sendsBody = !body.bytes.isEmpty || ["POST", "PUT", "PATCH"].contains(call.method)
        return stream(call, body: sendsBody ? body : nil, repeats: call.method == "GET")
    }

    private func messages(_ call: Call) async throws -> Answer {
        let body = try await collect(call)
        let isEncoded = call.headers[.contentEncoding].map { $0.lowercased() != "identity" } ?? false
        // A compressed body is not looked into: whether it asks for a stream shows in the answer, so that is not held up.
        let isStream = try isEncoded || SynchronousRequest(body.bytes).isStream
        return isStream ? stream(call, body: body) : try await share(call, body: body)
    }

    /// A stream is never shared: what its first client has been given is gone.
    private func share(_ call: Call, body: DigestedBody) async throws -> Answer {
        guard let shared = services.sharedCalls, let tenant = call.caller?.tenant,
            let retryCount = call.headers[.stainlessRetryCount].flatMap({ Int($0) })
        else { return try await forward(call, body: body) }
        let headers = ForwardedHeaders.toUpstream(call.headers, isStream: false)
        let request = SharedRequest(tenant: tenant, target: call.target, headers: headers, body: body)
        return try await shared.answer(request, retryCount: retryCount, requestID: call.id) {
            try await forward(call, body: body)
        }
    }

    private func stream(_ call: Call, body: DigestedBody?, repeats: Bool = true) -> Answer {
        let interactive = InteractiveCall(
            services: services, requestID: call.id, call: upstreamCall(call, body: body, isStream: true),
            repeatsMaybeExecuted: repeats)
        return .live { sink in try await interactive.stream(to: sink) }
    }

    private func forward(_ call: Call, body: DigestedBody?) async throws -> Answer {
        let interactive = InteractiveCall(
            services: services, requestID: call.id, call: upstreamCall(call, body: body, isStream: false))
        return try await interactive.exchange()
    }

    private func collect(_ call: Call) async throws -> DigestedBody {
        try await call.body.collectDigested(limit: services.configuration.bodyLimit)
    }

    private func upstreamCall(_ call: Call, body: DigestedBody?, isStream: Bool) -> UpstreamCall {
        UpstreamCall(
            method: call.method == "HEAD" ? "GET" : call.method, path: call.target,
            headers: ForwardedHeaders.toUpstream(call.headers, isStream: isStream), body: body?.bytes,
            digest: body?.digest)
    }
}
