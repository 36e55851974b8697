import Domain
import HTTPTypes
import Queue

/// `/admin/v1/tokens`: API keys for programs, and what has been revoked.
struct TokenRoutes: Sendable {
    private static let bodyLimit = 16 * 1024
    private static let pageLength = 100
    private static let longestLife = 315_360_000
    let services: APIServices

    var all: [Route] {
        [
            Route("GET", "/admin/v1/tokens", scope: .adminRead, handler: list),
            Route("POST", "/admin/v1/tokens", scope: .admin, handler: create),
            Route("POST", "/admin/v1/tokens/revoke", scope: .admin, handler: revoke),
            Route("DELETE", "/admin/v1/tokens/{}", scope: .admin, handler: revokeKey),
        ]
    }

    private func list(_ call: Call) async throws -> Answer {
        let limit = try call.query.limit(in: APIKeyQuery.limits) ?? Self.pageLength
        let tenant = try call.query.value("tenant", Identifier.rule) { TenantID($0) }
        // One more than a page holds tells whether another follows.
        var keyQuery = APIKeyQuery(tenant: tenant, limit: limit + 1)
        keyQuery.prefix =
            try call.query.value("prefix", "the beginning of an API key") { $0.isEmpty ? nil : $0 } ?? ""
        keyQuery.after = call.query["after"]
        var revocationQuery = RevocationQuery(limit: limit + 1)
        revocationQuery.after = try call.query.value("revocations_after", "revocations_last_id of the page before") {
            TokenRevocation.Subject(cursor: $0)
        }
        let (wantedKeys, wantedRevocations) = (keyQuery, revocationQuery)
        let (keys, revocations) = try await services.tokenStore.reading { store throws(JobStoreError) in
            (try await store.apiKeys(wantedKeys), try await store.revocations(wantedRevocations))
        }
        return .json(page(keys, revocations, limit: limit))
    }

    private func page(_ foundKeys: [APIKey], _ foundRevocations: [TokenRevocation], limit: Int) -> [UInt8] {
        let (keys, revocations) = (foundKeys.prefix(limit), foundRevocations.prefix(limit))
        var json = JSONObject()
        json.setRaw("data", JSONObject.array(keys.map { text($0, secret: nil) }))
        json.set("has_more", foundKeys.count > limit)
        json.set("first_id", keys.first?.id)
        json.set("last_id", keys.last?.id)
        json.setRaw("revocations", JSONObject.array(revocations.map(text)))
        json.set("revocations_has_more", foundRevocations.count > limit)
        json.set("revocations_last_id", revocations.last?.subject.cursor)
        return json.closed()
    }

    private func create(_ call: Call) async throws -> Answer {
        let fields = try JSONFields(try await call.body.collect(limit: Self.bodyLimit))
        try fields.allowOnly(["tenant", "scopes", "name", "ttl_seconds"])
        let tenant = try fields.require("tenant", Identifier.rule) { fields.string($0).flatMap { TenantID($0) } }
        let scopes = try fields.require("scopes", "an array of one or more of \(Caller.Scope.rule)") {
            Self.scopes(fields, $0)
        }
        let name = try fields.optional("name", "a string of at most \(APIKey.nameLimit) characters") { member in
            fields.string(member).flatMap { $0.count <= APIKey.nameLimit ? $0 : nil }
        }
        let seconds = try fields.optional("ttl_seconds", "a whole number from 1 to \(Self.longestLife)") { member in
            fields.positiveInteger(member).flatMap { $0 <= Self.longestLife ? $0 : nil }
        }
        let (secret, key) = services.tokenDesk.makeAPIKey(
            for: Caller(tenant: tenant, scopes: scopes), name: name ?? "", lifetime: seconds.map { .seconds($0) })
        try await change { store throws(JobStoreError) in try await store.addAPIKey(key) }
        return .json(text(key, secret: secret), status: 201, headers: [.cacheControl: "no-store"])
    }

    private static func scopes(_ fields: JSONFields, _ member: JSONMember) -> Set<Caller.Scope>? {
        guard let elements = try? JSONScanner.elements(of: fields.document, in: member.value), !elements.isEmpty else {
            return nil
        }
        let scopes = elements.map { range in
            JSONScanner.string(fields.document, at: range).flatMap { Caller.Scope(rawValue: $0) }
        }
        return scopes.contains(nil) ? nil : Set(scopes.compactMap(\.self))
    }

    private func revokeKey(_ call: Call) async throws -> Answer {
        let (id, now) = (call.parameters[0], services.wall.now())
        let revoked = try await change { store throws(JobStoreError) in try await store.revokeAPIKey(id, at: now) }
        guard let revoked else {
            throw RelayError(
                .tokenUnknown, "There is no such API key.", remedy: "List them with GET /admin/v1/tokens.")
        }
        return .json(text(revoked, secret: nil))
    }

    private func revoke(_ call: Call) async throws -> Answer {
        let fields = try JSONFields(try await call.body.collect(limit: Self.bodyLimit))
        try fields.allowOnly(["jti", "tenant"])
        let limit = TokenRevocation.tokenIDLimit
        let token = try fields.optional("jti", "a string of 1 to \(limit) bytes") { member in
            fields.nonEmptyString(member).flatMap { $0.utf8.count <= limit ? $0 : nil }
        }
        let tenant = try fields.optional("tenant", Identifier.rule) { fields.string($0).flatMap { TenantID($0) } }
        let subject: TokenRevocation.Subject
        switch (token, tenant) {
        case (let token?, nil): subject = .token(token)
        case (nil, let tenant?): subject = .tenant(tenant)
        default:
            throw RelayError(
                .fieldMissing, "The body must name exactly one of jti and tenant.", remedy: "Say what to revoke.")
        }
        let revocation = TokenRevocation(subject, since: services.wall.now())
        try await change { store throws(JobStoreError) in try await store.revoke(revocation) }
        return .json(text(revocation))
    }

    /// What has been changed is in force in this process when the call is answered.
    private func change<Value: Sendable>(
        _ work: (any TokenStore) async throws(JobStoreError) -> Value
    ) async throws(RelayError) -> Value {
        let value = try await services.tokenStore.reading(work)
        await services.tokenDesk.refresh()
        return value
    }

    /// - Parameter secret: shown once, in the answer to the creation.
    private func text(_ key: APIKey, secret: Secret?) -> [UInt8] {
        var json = JSONObject()
        json.set("id", key.id)
        json.set("type", "api_key")
        if let secret { json.set("key", secret.reveal()) }
        json.set("prefix", key.prefix)
        json.set("tenant", key.tenant.text)
        json.set("scopes", key.scopes.map(\.rawValue).sorted())
        json.set("name", key.name)
        json.set("created_at", key.createdAt)
        json.set("expires_at", key.expiresAt)
        json.set("revoked_at", key.revokedAt)
        json.set("last_used_at", key.lastUsedAt)
        return json.closed()
    }

    private func text(_ revocation: TokenRevocation) -> [UInt8] {
        var json = JSONObject()
        json.set("type", "revocation")
        switch revocation.subject {
        case .token(let id): json.set("jti", id)
        case .tenant(let tenant): json.set("tenant", tenant.text)
        }
        json.set("since", revocation.since)
        return json.closed()
    }
}

extension TokenStore {
    /// Runs `work`; what the store reports becomes the relay's error.
    fileprivate func reading<Value: Sendable>(
        _ work: (any TokenStore) async throws(JobStoreError) -> Value
    ) async throws(RelayError) -> Value {
        do {
            return try await work(self)
        } catch .full(_, let limit) {
            throw RelayError(
                .tokenLimitReached, "The store holds \(limit) of them already; that is the limit.",
                remedy: "Revoke by tenant instead of by token, or begin a new data folder.")
        } catch {
            throw RelayError(error)
        }
    }
}
