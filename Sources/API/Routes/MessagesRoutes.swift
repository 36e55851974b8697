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
        guard !isEncoded else {
            return stream(call, body: body, demand: .unread(.interactive, bytes: body.bytes.count))
        }
        let request = try SynchronousRequest(body.bytes)
        return request.isStream
            ? stream(call, body: body, request) : try await share(call, body: body, request)
    }

    /// A stream is never shared: what its first client has been given is gone.
    private func share(
        _ call: Call, body: DigestedBody, _ messages: SynchronousRequest
    ) async throws -> Answer {
        guard let shared = services.sharedCalls, let tenant = call.caller?.tenant,
            let retryCount = call.headers[.stainlessRetryCount].flatMap({ Int($0) })
        else { return try await forward(call, body: body, messages) }
        let headers = ForwardedHeaders.toUpstream(call.headers, isStream: false)
        let request = SharedRequest(tenant: tenant, target: call.target, headers: headers, body: body)
        return try await shared.answer(request, retryCount: retryCount, requestID: call.id) {
            try await forward(call, body: body, messages)
        }
    }

    private func stream(
        _ call: Call, body: DigestedBody?, _ messages: SynchronousRequest? = nil, demand: CallDemand? = nil,
        repeats: Bool = true
    ) -> Answer {
        let interactive = InteractiveCall(
            services: services, requestID: call.id, call: upstreamCall(call, body: body, messages, isStream: true),
            demand: demand ?? self.demand(messages, body), repeatsMaybeExecuted: repeats)
        return .live { sink in try await interactive.stream(to: sink) }
    }

    private func forward(
        _ call: Call, body: DigestedBody?, _ messages: SynchronousRequest? = nil
    ) async throws -> Answer {
        let interactive = InteractiveCall(
            services: services, requestID: call.id, call: upstreamCall(call, body: body, messages, isStream: false),
            demand: demand(messages, body))
        return try await interactive.exchange()
    }

    private func collect(_ call: Call) async throws -> DigestedBody {
        try await call.body.collectDigested(limit: services.configuration.bodyLimit)
    }

    /// Calls that are not to a model count in no organization's limits; they are few.
    private func demand(_ messages: SynchronousRequest?, _ body: DigestedBody?) -> CallDemand {
        guard let messages, let body else { return CallDemand(.interactive) }
        return CallDemand(
            .interactive, model: messages.model, bytes: body.bytes.count, maxTokens: messages.maxTokens,
            prefix: hasSeveralOrganizations ? PromptPrefix.fingerprint(of: body.bytes) : nil)
    }

    private var hasSeveralOrganizations: Bool {
        let keys = services.keyring.keys()
        return keys.contains { $0.organization != keys[0].organization }
    }

    private func upstreamCall(
        _ call: Call, body: DigestedBody?, _ messages: SynchronousRequest?, isStream: Bool
    ) -> UpstreamCall {
        UpstreamCall(
            method: call.method == "HEAD" ? "GET" : call.method, path: call.target,
            headers: ForwardedHeaders.toUpstream(call.headers, isStream: isStream), body: body?.bytes,
            digest: body?.digest, model: messages?.model)
    }
}
