import Domain
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// Answers every request: finds the route, checks the caller, turns errors into envelopes, counts.
struct Responder: Sendable {
    let services: APIServices
    let routes: RouteTable
    private let metrics = CallMetrics()

    init(services: APIServices, routes: RouteTable) {
        self.services = services
        self.routes = routes
    }

    func respond(
        to request: Request, with writer: consuming ResponseWriter, from address: SocketAddress?
    ) async throws {
        let watch = Stopwatch(services.clock)
        let exchange = ClientExchange(request, AnswerSink(writer, isHead: request.method == .head), from: address)
        let method = request.method.rawValue
        defer { exchange.body.release() }
        do {
            try await answer(exchange)
        } catch {
            // The connection ends with this error: the client is gone, or an answer broke off.
            metrics.record(exchange.sink.status ?? Self.clientGone, method, watch.elapsed)
            throw error
        }
        metrics.record(exchange.sink.status ?? 500, method, watch.elapsed)
        exchange.body.release()  // what still comes is dropped
        if !exchange.body.isAtEnd { try await exchange.drain(services.clock) }
    }

    private func answer(_ exchange: ClientExchange) async throws {
        do {
            let call = try await route(exchange)
            switch try await handle(call.call, by: call.handler) {
            case .full(let status, var headers, let body):
                if headers[.requestID] == nil { headers[.requestID] = exchange.id }
                headers[.relayRequestID] = exchange.id
                try await exchange.sink.send(status: status, headers: headers, body: body, isHead: exchange.isHead)
            case .live(let write):
                try await write(exchange.sink)
            }
        } catch let refusal as RouteRefusal {
            try await refuse(exchange, refusal.error, allowed: refusal.allowed)
        } catch let error as RelayError {
            // A client that is late with its body is told so by the gate.
            try await refuse(exchange, error, closes: error.code == .requestTimeout)
        } catch let error as HTTPParserError where !Task.isCancelled {
            services.logger.debug("broken framing", metadata: ["request": "\(exchange.id)", "error": "\(error)"])
            try await refuse(exchange, Self.brokenFraming, closes: true)
        } catch  where Task.isCancelled || error is CancellationError {
            throw CancellationError()
        } catch  where exchange.sink.status == nil {
            services.logger.error("request failed", metadata: ["request": "\(exchange.id)", "error": "\(error)"])
            try await refuse(exchange, Self.fault)
        }
    }

    /// What the handler changes is in the audit log under the caller's name.
    private func handle(_ call: Call, by handler: Route.Handler) async throws -> Answer {
        try await AuditActor.$current.withValue(call.actor) { try await handler(call) }
    }

    private func route(_ exchange: ClientExchange) async throws -> (call: Call, handler: Route.Handler) {
        let target = exchange.request.head.path ?? "/"
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let match = try routes.match(exchange.request.method.rawValue, parts.first ?? "/")
        let headers = exchange.request.headers
        var caller: Caller?
        if let scope = match.route.scope {
            caller = try await Authenticator(services: services).caller(of: exchange, needing: scope)
            if let caller, scope != .admin, scope != .adminRead {
                try await services.tenants.admitRequest(of: caller.tenant)
            }
        }
        let limits = caller.map { services.tenants.limits(of: $0.tenant) } ?? .none
        let requestLimits = services.configuration.limits
        let bodyLimit = limits.bodyLimit(within: requestLimits.bodyLimit)
        if let caller {
            exchange.body.count(
                in: BodyHold(services.bodyMemory, of: caller.tenant, total: requestLimits.bodyMemory))
        }
        try await exchange.inviteBody(limit: match.route.takesParts ? .max : bodyLimit)
        let call = Call(
            id: exchange.id, method: exchange.request.method.rawValue, target: target, parameters: match.parameters,
            query: Query(parts.count > 1 ? parts[1] : ""), headers: headers, body: exchange.body, caller: caller,
            limits: limits)
        if caller != nil {
            exchange.body.onceRead { () throws(RelayError) in
                try await Authenticator(services: services).checkAgain(call)
            }
        }
        return (call, match.route.handler)
    }

    /// - Throws: the error itself if the answer has begun: only a broken connection can tell the client then.
    private func refuse(
        _ exchange: ClientExchange, _ error: RelayError, allowed: [String] = [], closes: Bool = false
    ) async throws {
        guard exchange.sink.status == nil else { throw error }
        var headers = ErrorResponse.headers(of: error, requestID: exchange.id)
        if !allowed.isEmpty { headers[.allow] = allowed.joined(separator: ", ") }
        if closes { headers[.connection] = "close" }
        let body = ErrorResponse.body(of: error, requestID: exchange.id)
        try await exchange.sink.send(status: error.code.status, headers: headers, body: body, isHead: exchange.isHead)
    }

    /// For the count alone: nobody was there to get a status.
    private static let clientGone = 499
    private static let brokenFraming = RelayError(
        .framingInvalid, "The body's framing is not HTTP/1.1: a chunk, a length or an end is not where it must be.",
        remedy: "Check the client, and what is between it and the relay.")
    private static let fault = RelayError(
        .internalFault, "The relay failed at this request.",
        remedy: "Retry; if it stays, look for the request id in the relay's log.")
}
