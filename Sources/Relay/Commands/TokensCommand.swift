import ArgumentParser
import Domain
import Queue
import Vault

struct TokensCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokens",
        abstract: "The tokens and API keys that programs call the relay with.",
        subcommands: [Issue.self, CreateKey.self, List.self, Revoke.self]
    )

    /// Who a credential stands for, and what it may do.
    struct Grant: ParsableArguments {
        @Option(help: "Who it stands for: \(Identifier.rule).")
        var tenant: String
        @Option(help: "What it may do, separated by commas: \(Caller.Scope.rule).")
        var scopes = "messages,jobs,webhooks"

        func caller() throws -> Caller {
            guard let scopes = Caller.Scope.list(scopes) else {
                throw ValidationError("--scopes is '\(scopes)'; allowed are \(Caller.Scope.rule).")
            }
            return Caller(tenant: try TokensCommand.tenant(tenant), scopes: scopes)
        }
    }

    struct Issue: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints a new token, and nothing else, on standard output.",
            discussion: """
                Programs send it as their API key (x-api-key, or Authorization: Bearer):
                  export ANTHROPIC_BASE_URL=http://127.0.0.1:8787
                  export ANTHROPIC_API_KEY=$(relay tokens issue --tenant acme)
                """
        )

        @OptionGroup var common: CommonOptions
        @OptionGroup var grant: Grant
        @Option(help: "How long it lives, such as 12h or 30d; at most 10 years (3650d).")
        var ttl = "30d"

        func run() async throws {
            let (caller, lifetime) = (try grant.caller(), try TokensCommand.lifetime(ttl))
            let opened = try await common.openStoreToChange()
            print(try await TokensCommand.issue(for: caller, lifetime: lifetime, opened).reveal())
        }
    }

    struct CreateKey: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create-key",
            abstract: "Prints a new API key (sk-relay-…), and nothing else, on standard output.",
            discussion: """
                For programs that know API keys only, and for what is to live until it is revoked. The store keeps a hash of
                it: it cannot be shown again.
                """
        )

        @OptionGroup var common: CommonOptions
        @OptionGroup var grant: Grant
        @Option(help: "What to call it, for people.")
        var name = ""
        @Option(help: "How long it lives, such as 12h or 30d, at most 3650d; until it is revoked if not given.")
        var ttl: String?

        func run() async throws {
            let (caller, lifetime) = (try grant.caller(), try ttl.map(TokensCommand.lifetime))
            guard name.count <= APIKey.nameLimit else {
                throw ValidationError("--name has \(name.count) characters; allowed are \(APIKey.nameLimit).")
            }
            let (store, keyring) = try await common.openStoreToChange()
            let authority = TokenAuthority(master: keyring.shared.root, clock: SystemClock())
            let (secret, key) = authority.makeAPIKey(for: caller, name: name, lifetime: lifetime)
            try await store.addAPIKey(key)
            print(secret.reveal())
        }
    }

    /// Issues a token that the audit log knows by its `jti`.
    static func issue(
        for caller: Caller, lifetime: Duration, _ opened: (store: SQLiteJobStore, keyring: KeyringFollower)
    ) async throws -> Secret {
        let authority = TokenAuthority(master: opened.keyring.shared.root, clock: SystemClock())
        let id = TokenAuthority.makeTokenID()
        let token = try authority.issue(for: caller, lifetime: lifetime, id: id)
        let scopes = caller.scopes.map(\.rawValue).sorted().joined(separator: " ")
        try await opened.store.record(
            .tokenIssued, caller.tenant.text, "jti \(id), scopes \(scopes), for \(DurationText.print(lifetime))")
        return token
    }

    static func tenant(_ text: String) throws -> TenantID {
        guard let tenant = TenantID(text) else {
            throw ValidationError("'\(text)' cannot be a tenant; allowed are \(Identifier.rule).")
        }
        return tenant
    }

    private static func lifetime(_ text: String) throws -> Duration {
        guard let lifetime = DurationText.parse(text), (.seconds(1) ... .seconds(315_360_000)).contains(lifetime) else {
            throw ValidationError("--ttl is '\(text)'; allowed is 1s to 3650d, such as 12h or 30d.")
        }
        return lifetime
    }
}
