package import Domain

extension SQLiteJobStore {
    package func addEndpoint(
        _ endpoint: WebhookEndpoint, sealedUnder revision: Int, limit: Int
    ) async throws(JobStoreError) -> Bool {
        try await writer.perform { context in
            try context.requireKeyring(revision)
            let count = try context.connection.first(
                "SELECT count(*) FROM endpoints INDEXED BY endpoints_tenant WHERE tenant = ?", endpoint.tenant.text
            ) { $0.int(0) }
            guard (count ?? 0) < min(limit, WebhookEndpoint.most) else { return false }
            try context.add(endpoint)
            return true
        }
    }

    package func endpoints(
        of tenant: TenantID?, after: String?, limit: Int
    ) async throws(JobStoreError) -> [WebhookEndpoint] {
        let limit = min(max(limit, 1), WebhookEndpoint.most)
        return try await read { connection in
            guard let tenant else {
                return try connection.all(
                    """
                    SELECT e.id, e.tenant, e.url, e.events, e.description, e.thin, e.egress, e.secret, e.secret_at,
                        e.previous, e.previous_at, e.previous_until, e.status, e.status_reason, e.created_at, e.changed_at,
                        l.window, l.failures, l.failing_since, l.tripped_until, l.rest, l.failed_at, l.suspect
                    FROM endpoints e LEFT JOIN lanes l ON l.name = e.id
                    WHERE ?1 IS NULL OR e.row > (SELECT row FROM endpoints WHERE id = ?1) ORDER BY e.row LIMIT ?2
                    """, after, limit, read: WebhookEndpoint.init(stored:))
            }
            return try connection.all(
                """
                SELECT e.id, e.tenant, e.url, e.events, e.description, e.thin, e.egress, e.secret, e.secret_at,
                    e.previous, e.previous_at, e.previous_until, e.status, e.status_reason, e.created_at, e.changed_at,
                    l.window, l.failures, l.failing_since, l.tripped_until, l.rest, l.failed_at, l.suspect
                FROM endpoints e INDEXED BY endpoints_tenant LEFT JOIN lanes l ON l.name = e.id
                WHERE e.tenant = ?1 AND (?2 IS NULL OR e.row > (SELECT row FROM endpoints WHERE id = ?2))
                ORDER BY e.row LIMIT ?3
                """, tenant.text, after, limit, read: WebhookEndpoint.init(stored:))
        }
    }

    package func endpoint(_ id: String, of tenant: TenantID?) async throws(JobStoreError) -> WebhookEndpoint? {
        try await read { try $0.endpoint(id, of: tenant) }
    }

    package func changeEndpoint(
        _ id: String, of tenant: TenantID?, _ change: EndpointChange, at now: Timestamp
    ) async throws(JobStoreError) -> WebhookEndpoint? {
        try await writer.perform { context in
            guard let endpoint = try context.connection.endpoint(id, of: tenant) else { return nil }
            if let rotation = change.rotation { try context.requireKeyring(rotation.keyringRevision) }
            guard endpoint.isChanged(by: change) else { return endpoint }
            let changed = endpoint.changed(by: change, at: now)
            try context.audit(change.action, id, change.words)
            try context.update(changed)
            guard var lane = try context.lane(named: id) else { return changed }
            lane.health = changed.health
            lane.waitsUntil = nil
            lane.mode = DeliveryLane.Mode(changed.status)
            try context.reopen(lane, at: now)
            context.note(.deliveries)
            return changed
        }
    }

    package func removeEndpoint(_ id: String, of tenant: TenantID?) async throws(JobStoreError) -> Bool {
        let existed = try await writer.perform { context in
            guard let endpoint = try context.connection.endpoint(id, of: tenant) else { return false }
            try context.audit(.webhookRemoved, id, "tenant \(endpoint.tenant)")
            try context.connection.execute("DELETE FROM endpoints WHERE id = ?", id)
            for name in [id, DeliveryLane.testName(ofEndpoint: id)] {
                guard var lane = try context.lane(named: name) else { continue }
                lane.mode = .removed
                lane.openAt = lane.pending > 0 ? Timestamp(microseconds: 0) : nil
                try context.write(lane)
            }
            return true
        }
        guard existed else { return false }
        // In pieces, so that no transaction is long. What a crash in between leaves, claims delete.
        for name in [id, DeliveryLane.testName(ofEndpoint: id)] {
            while try await drain(name) {}
        }
        return true
    }

    /// - Returns: whether there was anything.
    private func drain(_ name: String) async throws(JobStoreError) -> Bool {
        try await writer.perform { context in
            guard var lane = try context.lane(named: name) else { return false }
            let count = try context.drain(&lane, limit: 1000, at: Timestamp(microseconds: 0))
            try context.write(lane)
            return count > 0
        }
    }

    package func postTest(
        _ data: [UInt8], to endpoint: String, of tenant: TenantID?, at now: Timestamp
    ) async throws(JobStoreError) -> String? {
        try await writer.perform { context in
            guard let found = try context.connection.endpoint(endpoint, of: tenant) else { return nil }
            let posting = Posting(
                event: .webhookTest, tenant: try context.numberMakingTenant(found.tenant.text), data: data,
                endpoint: endpoint, url: found.url, lane: DeliveryLane.testName(ofEndpoint: endpoint))
            return try context.post(posting, at: now)
        }
    }
}

extension SQLiteConnection {
    func endpoint(_ id: String, of tenant: TenantID? = nil) throws -> WebhookEndpoint? {
        let found = try first(
            """
            SELECT e.id, e.tenant, e.url, e.events, e.description, e.thin, e.egress, e.secret, e.secret_at,
                e.previous, e.previous_at, e.previous_until, e.status, e.status_reason, e.created_at, e.changed_at,
                l.window, l.failures, l.failing_since, l.tripped_until, l.rest, l.failed_at, l.suspect
            FROM endpoints e LEFT JOIN lanes l ON l.name = e.id WHERE e.id = ? LIMIT 1
            """, id, read: WebhookEndpoint.init(stored:))
        return found.flatMap { tenant == nil || $0.tenant == tenant ? $0 : nil }
    }
}

extension WriteContext {
    fileprivate func add(_ endpoint: WebhookEndpoint) throws {
        try audit(.webhookAdded, endpoint.id, "tenant \(endpoint.tenant)")
        try connection.execute(
            "INSERT INTO endpoints (id, tenant, url, events, secret, created_at) VALUES (?, ?, ?, ?, ?, ?)",
            endpoint.id, endpoint.tenant.text, endpoint.url, endpoint.events.code, endpoint.secret.sealed,
            endpoint.createdAt)
        try update(endpoint)
        try connection.execute(
            "INSERT INTO lanes (name, endpoint, tenant, mode, suspect) VALUES (?, ?, ?, ?, 1)", endpoint.id,
            endpoint.id, endpoint.tenant.text, DeliveryLane.Mode(endpoint.status).rawValue)
    }

    fileprivate func update(_ endpoint: WebhookEndpoint) throws {
        try connection.execute(
            """
            UPDATE endpoints SET url = ?, events = ?, description = ?, thin = ?, egress = ?, secret = ?, secret_at = ?,
                previous = ?, previous_at = ?, previous_until = ?, status = ?, status_reason = ?, changed_at = ?
            WHERE id = ?
            """,
            endpoint.url, endpoint.events.code, endpoint.description, endpoint.payload == .thin, endpoint.egress,
            endpoint.secret.sealed, endpoint.secret.createdAt, endpoint.previous?.sealed, endpoint.previous?.createdAt,
            endpoint.previous?.expiresAt, endpoint.status.code, endpoint.statusReason, endpoint.changedAt, endpoint.id)
    }
}

extension WebhookEndpoint {
    /// Reads the columns of `endpoints` as they are listed above, and then its lane's health.
    fileprivate init(stored row: SQLiteRow) throws {
        let previous = row.optionalBytes(9).map {
            EndpointSecret(sealed: $0, createdAt: row.time(10), expiresAt: row.optionalTime(11))
        }
        self.init(
            id: row.text(0), tenant: try TenantID(stored: row.text(1)), url: row.text(2),
            events: WebhookEvent.set(code: row.int(3)), description: row.text(4),
            payload: row.bool(5) ? .thin : .full, egress: row.optionalText(6),
            secret: EndpointSecret(sealed: row.bytes(7), createdAt: row.time(8)), previous: previous,
            status: try EndpointStatus(stored: row.int(12)), statusReason: row.optionalText(13),
            createdAt: row.time(14), changedAt: row.time(15),
            health: row.isNull(16) ? EndpointHealth() : EndpointHealth(stored: row, from: 16))
    }
}
