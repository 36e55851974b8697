import Domain

/// Which route answers a method and path.
struct RouteTable: Sendable {
    struct Match: Sendable {
        let route: Route
        /// The open parts of the path, decoded.
        let parameters: [String]
    }

    private let routes: [Route]
    private let others: OtherPaths

    init(_ routes: [Route], others: OtherPaths) {
        self.routes = routes
        self.others = others
    }

    /// A HEAD is answered as the GET would be.
    /// - Parameter path: without the query.
    /// - Throws: `route_unknown`, also for a parameter that would lead elsewhere; or `method_not_allowed` with the methods
    ///   that the path has.
    func match(_ method: String, _ path: Substring) throws(RouteRefusal) -> Match {
        // `*` is no path of ours, and what follows the upstream's host must begin with a slash.
        guard path.hasPrefix("/") else { throw .unknown(method, path) }
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        var allowed: [String] = []
        for route in routes {
            guard let parameters = route.parameters(of: segments) else { continue }
            if let part = parameters.first(where: PathPart.misleads) { throw .misleading(part) }
            if route.method == (method == "HEAD" ? "GET" : method) {
                return Match(route: route, parameters: parameters)
            }
            allowed.append(route.method)
        }
        if allowed.contains("GET") { allowed.append("HEAD") }
        guard allowed.isEmpty else { throw .wrongMethod(method, allowed: allowed) }
        guard others.concern(segments) else { throw .unknown(method, path) }
        guard let route = others.route(method) else { throw .notForwarded(method, path) }
        return Match(route: route, parameters: [])
    }
}

/// One method and path pattern, and what answers it.
struct Route: Sendable {
    typealias Handler = @Sendable (Call) async throws -> Answer

    let method: String
    /// As it was given.
    let path: String
    /// `{}` stands for any one segment that is not empty.
    private let pattern: [Substring]
    /// nil: open to everybody.
    let scope: Caller.Scope?
    /// Whether the body is taken in parts as it arrives: then `limits.body` holds for each part.
    let takesParts: Bool
    let handler: Handler
    /// Whether it belongs to those who run the relay, and may have a listener of its own.
    var isForOperators: Bool { pattern.first == "admin" || pattern == ["metrics"] }
    /// Whether it tells how the relay is, on every listener.
    var isHealth: Bool { pattern == ["healthz"] || pattern == ["readyz"] }

    init(
        _ method: String, _ pattern: String, scope: Caller.Scope?, takesParts: Bool = false,
        handler: @escaping Handler
    ) {
        self.method = method
        self.path = pattern
        self.takesParts = takesParts
        self.pattern = Array(pattern.split(separator: "/"))
        self.scope = scope
        self.handler = handler
    }

    fileprivate func parameters(of segments: ArraySlice<Substring>) -> [String]? {
        guard segments.count == pattern.count else { return nil }
        var parameters: [String] = []
        for (part, segment) in zip(pattern, segments) {
            if part == "{}", !segment.isEmpty {
                parameters.append(PercentText.decode(segment))
            } else if part != segment {
                return nil
            }
        }
        return parameters
    }
}

/// No route answers.
struct RouteRefusal: Error {
    let error: RelayError
    /// What the path does answer.
    let allowed: [String]

    static func unknown(_ method: String, _ path: Substring) -> RouteRefusal {
        RouteRefusal(
            error: RelayError(
                .routeUnknown, "There is no route \(method.prefix(16)) \(path.prefix(200)).",
                remedy: "Check the path; the README lists the routes."),
            allowed: [])
    }

    static func notForwarded(_ method: String, _ path: Substring) -> RouteRefusal {
        RouteRefusal(
            error: RelayError(
                .routeUnknown,
                "\(method.prefix(16)) \(path.prefix(200)) is not among the paths that this relay forwards to the Claude API.",
                remedy: "Check the path, or let the operator set sync.forward_other_paths."),
            allowed: [])
    }

    static func misleading(_ part: String) -> RouteRefusal {
        RouteRefusal(
            error: RelayError(
                .routeUnknown,
                "A part of the path stands for '\(part.prefix(100))'; it may hold no slash and not be '.' or '..'.",
                remedy: "Correct the path."),
            allowed: [])
    }

    static func wrongMethod(_ method: String, allowed: [String]) -> RouteRefusal {
        let list = allowed.joined(separator: ", ")
        return RouteRefusal(
            error: RelayError(
                .methodNotAllowed, "The method is \(method.prefix(16)); allowed here is \(list).",
                remedy: "Use an allowed method."),
            allowed: allowed)
    }
}
