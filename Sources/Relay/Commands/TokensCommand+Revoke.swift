import ArgumentParser
import Domain
import Queue

extension TokensCommand {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the API keys, never their secrets, and what has been revoked.")
        @OptionGroup var common: CommonOptions
        @Option(help: "Only this tenant's.")
        var tenant: String?
        @Option(help: "Only API keys that begin so, such as sk-relay-4fQ.")
        var prefix = ""
        @Option(help: "Only API keys after this id, to page on.")
        var after: String?
        @Option(help: "Only revocations after this one (jti:… or tenant:…), to page on.")
        var revokedAfter: String?
        @Option(help: "How many of each, 1 to 1000.")
        var limit = 100

        func validate() throws {
            guard APIKeyQuery.limits.contains(limit) else {
                throw ValidationError("--limit is \(limit); allowed is 1 to \(APIKeyQuery.limits.upperBound).")
            }
        }

        func run() async throws {
            let store = try common.openStore()
            let wanted = try tenant.map(TokensCommand.tenant)
            try await listKeys(of: wanted, in: store)
            try await listRevocations(of: wanted, in: store)
        }

        private func listKeys(of wanted: TenantID?, in store: SQLiteJobStore) async throws {
            var query = APIKeyQuery(tenant: wanted, limit: limit + 1)
            query.prefix = prefix
            query.after = after
            let found = try await store.apiKeys(query)
            let keys = Array(found.prefix(limit))
            print(keys.isEmpty ? "No API keys. Make one: relay tokens create-key --tenant NAME" : table(keys).text)
            if found.count > limit, let last = keys.last { print("More: add --after \(last.id)") }
        }

        private func listRevocations(of wanted: TenantID?, in store: SQLiteJobStore) async throws {
            var query = RevocationQuery(tenant: wanted, limit: limit + 1)
            query.after = try revokedAfter.map { text in
                guard let subject = TokenRevocation.Subject(cursor: text) else {
                    throw ValidationError("--revoked-after is '\(text)'; allowed is jti:… or tenant:….")
                }
                return subject
            }
            let found = try await store.revocations(query)
            let revocations = found.prefix(limit)
            guard !revocations.isEmpty else { return }
            var table = TextTable(["REVOKED", "SINCE"])
            for revocation in revocations { table.add([revocation.words, revocation.since.rfc3339]) }
            print("\n" + table.text)
            if found.count > limit, let last = revocations.last {
                print("More: add --revoked-after '\(last.subject.cursor)'")
            }
        }

        private func table(_ keys: [APIKey]) -> TextTable {
            let now = SystemClock().now()
            var table = TextTable(["ID", "KEY", "TENANT", "SCOPES", "NAME", "CREATED", "STATE", "LAST USED"])
            for key in keys {
                table.add([
                    key.id, key.prefix + "…", key.tenant.text, key.scopes.text, key.name, key.createdAt.rfc3339,
                    key.state(at: now), key.lastUsedAt?.rfc3339 ?? "–",
                ])
            }
            return table
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes back an API key, one token, or everything that was issued to a tenant until now.",
            discussion: """
                In force within a second in every process of the data folder. What is issued to the tenant later holds.
                """
        )
        @OptionGroup var common: CommonOptions
        @Argument(help: "An API key's id (key_…) or beginning (sk-relay- and 8 characters).")
        var key: String?
        @Option(help: "The jti of a token, whoever issued it.")
        var jti: String?
        @Option(help: "A tenant's name.")
        var tenant: String?

        func validate() throws {
            guard [key, jti, tenant].count(where: { $0 != nil }) == 1 else {
                throw ValidationError("Name exactly one: an API key, --jti, or --tenant.")
            }
        }

        func run() async throws {
            let store = try await common.openStoreToChange(existing: true).store
            let now = SystemClock().now()
            if let key { return try await revoke(key, in: store, at: now) }
            let subject = try subject()
            try await store.revoke(TokenRevocation(subject, since: now))
            print("Revoked: \(TokenRevocation(subject, since: now).words).")
        }

        private func revoke(_ name: String, in store: SQLiteJobStore, at now: Timestamp) async throws {
            guard let key = try await store.revokeAPIKey(name, at: now) else {
                throw RelayError(
                    .argumentInvalid, "There is no API key of that id or beginning.", remedy: "See relay tokens list.")
            }
            print("API key \(key.id) of \(key.tenant) is revoked.")
        }

        private func subject() throws -> TokenRevocation.Subject {
            if let tenant { return .tenant(try TokensCommand.tenant(tenant)) }
            guard let jti, (1...TokenRevocation.tokenIDLimit).contains(jti.utf8.count) else {
                throw ValidationError("--jti must have 1 to \(TokenRevocation.tokenIDLimit) bytes.")
            }
            return .token(jti)
        }
    }
}

extension APIKey {
    fileprivate func state(at now: Timestamp) -> String {
        if let revokedAt { return "revoked \(revokedAt.rfc3339)" }
        guard let expiresAt else { return "in use" }
        return (expiresAt <= now ? "expired " : "until ") + expiresAt.rfc3339
    }
}

extension TokenRevocation {
    fileprivate var words: String {
        switch subject {
        case .token(let id): "the token with the jti \(id)"
        case .tenant(let tenant): "everything issued to \(tenant) until then"
        }
    }
}
