import Domain
import Queue

/// `/admin/v1/tenants`: limits and budgets, as operators see and set them.
struct TenantRoutes: Sendable {
    private static let bodyLimit = 64 * 1024
    private static let pageLimits = 1...1000
    private static let shareFields = ["weight", "max_running"]
    let services: APIServices

    var all: [Route] {
        [
            Route("GET", "/admin/v1/tenants", scope: .adminRead, handler: list),
            Route("GET", "/admin/v1/tenants/{}", scope: .adminRead, handler: show),
            Route("PATCH", "/admin/v1/tenants/{}", scope: .admin, handler: change),
            Route("DELETE", "/admin/v1/tenants/{}/data", scope: .admin, handler: erase),
        ]
    }

    private func list(_ call: Call) async throws -> Answer {
        let now = services.wall.now()
        let after = try call.query.value("after", "a tenant's name: \(Identifier.rule)") { TenantID($0) }
        let limit = try call.query.limit(in: Self.pageLimits) ?? Self.pageLimits.upperBound
        let found = try await services.store.reading { store throws(JobStoreError) in
            try await store.tenants(after: after, limit: limit + 1, at: now)
        }
        let tenants = found.prefix(limit)
        let limits = try await services.tenants.asking { store throws(JobStoreError) in try await store.limits() }
        var json = JSONObject()
        json.setRaw(
            "data",
            JSONObject.array(
                tenants.map { TenantText.tenant($0.share.tenant, $0, limits[$0.share.tenant] ?? .none).closed() }))
        json.set("has_more", found.count > limit)
        json.set("last_id", tenants.last?.share.tenant.text)
        return .json(json.closed())
    }

    private func show(_ call: Call) async throws -> Answer {
        let (tenant, now) = (try tenant(call), services.wall.now())
        let status = try await services.store.reading { store throws(JobStoreError) in
            try await store.tenant(tenant, at: now)
        }
        let limits = try await limits(of: tenant)
        guard status != nil || limits != nil else { throw Self.unknown(tenant.text) }
        let book = try await services.tenants.asking { store throws(JobStoreError) in
            try await store.budget(of: tenant, at: now)
        }
        var json = TenantText.tenant(tenant, status, limits ?? .none)
        json.setRaw("budget", TenantText.budget(book, limits?.budget ?? .none))
        return .json(json.closed())
    }

    /// Sets what the body names; null removes a limit, and what is not named stays.
    private func change(_ call: Call) async throws -> Answer {
        let tenant = try tenant(call)
        let fields = try JSONFields(try await call.body.collect(limit: Self.bodyLimit))
        try fields.allowOnly(TenantLimitField.allCases.map(\.rawValue) + Self.shareFields)
        var named: [TenantLimitField: String?] = [:]
        for field in TenantLimitField.allCases {
            guard let member = fields.members.last(where: { $0.key == field.rawValue }) else { continue }
            let text = try fields.text(of: member, field)
            var probe = TenantLimits.none
            guard field.set(text, in: &probe) else { throw fields.refusal(of: member, field) }
            named.updateValue(text, forKey: field)
        }
        let share = try share(of: tenant, fields, over: try await storedShare(of: tenant))
        let (changes, now) = (named, services.wall.now())
        _ = try await services.tenants.asking { store throws(JobStoreError) in
            try await store.changeLimits(of: tenant, at: now) { limits in
                for (field, text) in changes { _ = field.set(text, in: &limits) }
            }
        }
        if let share {
            try await services.store.reading { store throws(JobStoreError) in try await store.setShare(share) }
        }
        // In this process they are in force at once; if that fails, within a second as in the others.
        try? await services.tenants.lookAtLimits()
        return try await show(call)
    }

    /// Erases what the tenant has sent and got; what is unfinished ends as canceled, moments later if it is much.
    private func erase(_ call: Call) async throws -> Answer {
        let (tenant, now) = (try tenant(call), services.wall.now())
        let scope = try await services.store.reading { store throws(JobStoreError) in
            try await store.erase(tenant, at: now)
        }
        guard let scope else { throw Self.unknown(tenant.text) }
        return .json(TenantText.erasure(of: tenant, scope, at: now))
    }

    private func storedShare(of tenant: TenantID) async throws(RelayError) -> TenantShare? {
        let now = services.wall.now()
        return try await services.store.reading { store throws(JobStoreError) in
            try await store.tenant(tenant, at: now)
        }?.share
    }

    /// What the body does not name stays as it is in `old`. - Returns: nil if the body names neither part of it.
    private func share(
        of tenant: TenantID, _ fields: JSONFields, over old: TenantShare?
    ) throws(RelayError) -> TenantShare? {
        guard fields.members.contains(where: { Self.shareFields.contains($0.key) }) else { return nil }
        let (least, most) = (TenantShare.weights.lowerBound, TenantShare.weights.upperBound)
        let weight = try fields.optional("weight", "a whole number from \(least) to \(most)") { member in
            fields.integer(member).flatMap { TenantShare.weights.contains($0) ? $0 : nil }
        }
        let maxRunning = try fields.optional("max_running", "a whole number of at least 1", fields.positiveInteger)
        let namesMaxRunning = fields.members.contains { $0.key == "max_running" }
        return TenantShare(
            tenant: tenant, weight: weight ?? old?.weight ?? TenantShare.normalWeight,
            maxRunning: namesMaxRunning ? maxRunning : old?.maxRunning)
    }

    private func limits(of tenant: TenantID) async throws(RelayError) -> TenantLimits? {
        try await services.tenants.asking { store throws(JobStoreError) in try await store.limits() }[tenant]
    }

    private func tenant(_ call: Call) throws(RelayError) -> TenantID {
        guard let tenant = TenantID(call.parameters[0]) else { throw Self.unknown(call.parameters[0]) }
        return tenant
    }

    private static func unknown(_ name: String) -> RelayError {
        RelayError(
            .tenantUnknown, "There is no tenant '\(name.prefix(64))'; names are \(Identifier.rule).",
            remedy: "Check the name; a tenant exists from its first job or limit on.")
    }
}

extension JSONFields {
    /// The value as ``TenantLimitField`` reads it: numbers and strings as they are, lists with commas; nil for null.
    fileprivate func text(of member: JSONMember, _ field: TenantLimitField) throws(RelayError) -> String? {
        switch member.kind {
        case .null: return nil
        case .number: return String(decoding: document[member.value], as: UTF8.self)
        case .string: return string(member)
        case .array where field == .models:
            let elements = (try? JSONScanner.elements(of: document, in: member.value)) ?? []
            let patterns = elements.compactMap { JSONScanner.string(document, at: $0) }
            guard patterns.count == elements.count else { throw refusal(of: member, field) }
            return patterns.joined(separator: ",")
        default: throw refusal(of: member, field)
        }
    }

    fileprivate func refusal(of member: JSONMember, _ field: TenantLimitField) -> RelayError {
        let met = String(decoding: document[member.value].prefix(100), as: UTF8.self)
        return RelayError(
            .fieldInvalid, "The field \(member.key) is \(met); allowed are null for no limit, or \(field.rule).",
            remedy: "Correct it.")
    }
}
