import Domain
import HTTPTypes
import Queue
import Upstream

/// Anthropic's own surface, answered by the upstream while the client waits.
struct MessagesRoutes: Sendable {
    let services: APIServices

    var all: [Route] {
        [
            Route("POST", "/v1/messages", scope: .messages, handler: messages),
            Route("POST", "/v1/messages/count_tokens", scope: .messages, handler: countTokens),
            Route("GET", "/v1/models", scope: .messages) { call in try await forward(call, body: nil) },
            Route("GET", "/v1/models/{}", scope: .messages) { call in try await forward(call, body: nil) },
            // Claude Code warms its connection with a HEAD; the upstream need not hear of it.
            Route("GET", "/api/hello", scope: nil) { _ in .full(status: 200, headers: [:], body: []) },
        ]
    }

    /// A path that the relay knows nothing of: its answer may have any form and length, so it is passed on as it comes.
    func other(_ call: Call) async throws -> Answer {
        let body = try await collect(call)
        guard !services.limits(of: call).concernsModels else { throw RelayError.callNotCountable }
        let sendsBody = !body.bytes.isEmpty || ["POST", "PUT", "PATCH"].contains(call.method)
        let interactive = InteractiveCall(
            services: services, requestID: call.id,
            call: upstreamCall(call, body: sendsBody ? body : nil, nil, isRead: true), demand: demand(nil, nil),
            repeatsMaybeExecuted: call.method == "GET")
        return .live { sink in try await interactive.stream(to: sink) }
    }

    /// Not billed; but a model that the tenant may not call is none of its business either.
    private func countTokens(_ call: Call) async throws -> Answer {
        let body = try await collect(call)
        let limits = services.limits(of: call)
        if let models = limits.models {
            guard !isEncoded(call) else { throw RelayError.callNotCountable }
            let fields = try JSONFields(body.bytes)
            guard fields.member("model").flatMap(fields.string) != nil else {
                throw RelayError.modelNotAllowed(nil, models)
            }
            try limits.check(try fields.require("model", ModelName.rule, fields.modelName))
        }
        return try await forward(call, body: body)
    }

    private func isEncoded(_ call: Call) -> Bool {
        call.headers[.contentEncoding].map { $0.lowercased() != "identity" } ?? false
    }

    private func messages(_ call: Call) async throws -> Answer {
        let body = try await collect(call)
        // A compressed body is not looked into: whether it asks for a stream shows in the answer, so that is not held up.
        guard !isEncoded(call) else {
            guard !services.limits(of: call).concernsModels else { throw RelayError.callNotCountable }
            return stream(call, body: body, demand: .unread(.interactive, bytes: body.bytes.count))
        }
        let request = try SynchronousRequest(body.bytes)
        try services.limits(of: call).check(request.model)
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
        let headers = ForwardedHeaders.toUpstream(call.headers, isRead: true)
        let request = SharedRequest(tenant: tenant, target: call.target, headers: headers, body: body)
        return try await shared.answer(request, retryCount: retryCount, requestID: call.id) {
            try await forward(call, body: body, messages)
        }
    }

    private func stream(
        _ call: Call, body: DigestedBody, _ messages: SynchronousRequest? = nil, demand: CallDemand? = nil
    ) -> Answer {
        let meter = makeMeter(call, messages)
        let interactive = InteractiveCall(
            services: services, requestID: call.id, call: upstreamCall(call, body: body, messages, isRead: true),
            demand: demand ?? self.demand(messages, body), meter: meter)
        return .live { sink in
            guard let meter else { return try await interactive.stream(to: sink) }
            try await services.tenants.run(call.id, meter, body: body.bytes) { try await interactive.stream(to: sink) }
        }
    }

    private func forward(
        _ call: Call, body: DigestedBody?, _ messages: SynchronousRequest? = nil
    ) async throws -> Answer {
        let meter = messages.flatMap { makeMeter(call, $0) }
        let interactive = InteractiveCall(
            services: services, requestID: call.id,
            call: upstreamCall(call, body: body, messages, isRead: messages != nil), demand: demand(messages, body),
            meter: meter)
        guard let meter else { return try await interactive.exchange() }
        return try await services.tenants.run(call.id, meter, body: body?.bytes ?? []) {
            try await interactive.exchange()
        }
    }

    /// - Parameter messages: nil for a body that cannot be read.
    private func makeMeter(_ call: Call, _ messages: SynchronousRequest?) -> CallMeter? {
        call.caller.map {
            CallMeter(
                tenant: $0.tenant, model: messages?.model ?? Self.unknownModel, maxTokens: messages?.maxTokens,
                prices: services.tenants.prices.list)
        }
    }

    /// In the usage, for calls that do not tell.
    private static let unknownModel = "unknown"

    private func collect(_ call: Call) async throws -> DigestedBody {
        try await call.body.collectDigested(
            limit: call.limits.bodyLimit(within: services.configuration.limits.bodyLimit))
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
        _ call: Call, body: DigestedBody?, _ messages: SynchronousRequest?, isRead: Bool
    ) -> UpstreamCall {
        UpstreamCall(
            method: call.method == "HEAD" ? "GET" : call.method, path: call.target,
            headers: ForwardedHeaders.toUpstream(call.headers, isRead: isRead), body: body?.bytes,
            digest: body?.digest, model: messages?.model)
    }
}
