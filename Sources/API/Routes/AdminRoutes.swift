import Domain
import Queue
import Upstream

/// `/admin/v1/…`: what operators see and decide while the relay runs.
struct AdminRoutes: Sendable {
    private static let bodyLimit = 16 * 1024
    private static let noteLimit = 200
    let services: APIServices

    var all: [Route] {
        [
            Route("GET", "/admin/v1/egress", scope: .adminRead, handler: egress),
            Route("POST", "/admin/v1/egress/{}/disable", scope: .admin, handler: disable),
            Route("POST", "/admin/v1/egress/{}/enable", scope: .admin, handler: enable),
        ]
    }

    /// The paths as this process sees them, and why some are out.
    private func egress(_ call: Call) async throws -> Answer {
        let outages = try await services.egress.read { store throws(JobStoreError) in try await store.egressOutages() }
        let list = services.gateway.status().paths.map { standing in
            text(standing, outages.first { $0.path == standing.id })
        }
        var json = JSONObject()
        json.setRaw("data", JSONObject.array(list))
        return .json(json.closed())
    }

    private func text(_ standing: EgressPool.Standing, _ outage: EgressOutage?) -> [UInt8] {
        var json = JSONObject()
        json.set("id", standing.id)
        json.set("kind", standing.path.kind)
        json.set("region", standing.path.region)
        json.set("weight", standing.path.weight)
        json.set("state", standing.state.word)
        json.set("in_flight", standing.inFlight)
        json.set("since", outage?.since)
        json.set("note", outage?.note)
        return json.closed()
    }

    private func disable(_ call: Call) async throws -> Answer {
        let path = try known(call.parameters[0])
        let bytes = try await call.body.collect(limit: Self.bodyLimit)
        var note = ""
        if !bytes.isEmpty {
            let fields = try JSONFields(bytes)
            try fields.allowOnly(["reason"])
            note = try fields.optional("reason", "a string", fields.string) ?? ""
        }
        let outage = EgressOutage(
            path: path, reason: .disabled, note: String(note.prefix(Self.noteLimit)), since: services.wall.now())
        try await services.egress.read { store throws(JobStoreError) in try await store.takeOut(outage) }
        return try await egress(call)
    }

    private func enable(_ call: Call) async throws -> Answer {
        let path = try known(call.parameters[0])
        _ = try await services.egress.read { store throws(JobStoreError) in try await store.bringBack(path) }
        return try await egress(call)
    }

    private func known(_ id: String) throws(RelayError) -> String {
        let paths = services.gateway.status().paths.map(\.id)
        guard paths.contains(id) else {
            throw RelayError(
                .egressUnknown,
                "There is no egress path '\(id.prefix(100))'; configured are \(paths.joined(separator: ", ")).",
                remedy: "Name one of them.")
        }
        return id
    }
}

extension EgressPool.State {
    /// The stable word for operators.
    var word: String {
        switch self {
        case .passing: "passing"
        case .tripped: "tripped"
        case .probing: "probing"
        case .out(let outage): outage.rawValue
        }
    }
}

extension EgressStore {
    /// Runs `work`; what the store reports becomes the relay's error.
    fileprivate func read<Value>(
        _ work: (any EgressStore) async throws(JobStoreError) -> Value
    ) async throws(RelayError) -> Value {
        do {
            return try await work(self)
        } catch {
            throw RelayError(error)
        }
    }
}
