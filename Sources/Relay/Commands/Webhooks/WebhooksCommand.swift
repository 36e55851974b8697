import ArgumentParser
import Domain
import Queue
import Vault

struct WebhooksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhooks",
        abstract: "The receivers of callbacks, what they got, and sending it once more.",
        discussion: """
            Works on the data folder, whether a relay is running or not; a running relay follows at once.
              relay webhooks add https://example.com/hook --tenant acme
              relay webhooks listen --tenant acme             # a receiver on this machine that verifies and prints
              relay webhooks deliveries --tenant acme --status failed
              relay webhooks redeliver --tenant acme --since 2h
            """,
        subcommands: [
            List.self, Show.self, Add.self, Set.self, Pause.self, Resume.self, Rotate.self, Test.self, Remove.self,
            Deliveries.self, Delivery.self, Redeliver.self, Listen.self, SharedSecret.self,
        ]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists endpoints and how they fare.")
        @OptionGroup var common: CommonOptions
        @Option(help: "Only this tenant's.")
        var tenant: String?

        func run() async throws {
            let endpoints = try await all(in: common.openStore(), of: try tenant.map(WebhooksCommand.tenant))
            var table = TextTable(["ENDPOINT", "TENANT", "STATUS", "DELIVERY", "FAILING SINCE", "EVENTS", "URL"])
            let now = SystemClock().now()
            for endpoint in endpoints {
                table.add([
                    endpoint.id, endpoint.tenant.text, endpoint.status.rawValue,
                    endpoint.health.state(at: now).rawValue,
                    endpoint.health.failingSince?.rfc3339 ?? "-", EndpointDescription.events(endpoint), endpoint.url,
                ])
            }
            print(endpoints.isEmpty ? "No endpoints yet. Add one: relay webhooks add URL --tenant NAME" : table.text)
        }

        private func all(in store: SQLiteJobStore, of tenant: TenantID?) async throws -> [WebhookEndpoint] {
            var (found, page) = ([WebhookEndpoint](), [WebhookEndpoint]())
            repeat {
                page = try await store.endpoints(of: tenant, after: found.last?.id, limit: WebhookEndpoint.most)
                found += page
            } while page.count == WebhookEndpoint.most
            return found
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows one endpoint, never its secret.")
        @OptionGroup var common: CommonOptions
        @Argument(help: "The endpoint's id (whe_…).")
        var id: String

        func run() async throws {
            let endpoint = try await WebhooksCommand.found(id, in: common.openStore())
            let vault = WebhookSecretVault(keyring: try await common.keyring())
            let keys = try vault.open(endpoint.secret.sealed, endpoint: id)
            print(EndpointDescription(endpoint: endpoint, publicKey: keys.publicKey).text)
        }
    }

    struct SharedSecret: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "secret",
            abstract: "Prints the secret that signs a tenant's callbacks to URLs named by jobs themselves.",
            discussion: "A registered endpoint has a secret of its own, shown when it is made or rotated."
        )

        @OptionGroup var common: CommonOptions
        @Option(help: "The tenant whose jobs name the URLs.")
        var tenant: String

        func run() async throws {
            let tenant = try WebhooksCommand.tenant(tenant)
            let keyring = try await common.keyring()
            let keys = WebhookSecretVault(keyring: keyring).shared(by: tenant)
            print(keys.secret.reveal())
            if let publicKey = keys.publicKey { StandardError.line("The key of v1a signatures is \(publicKey)") }
        }
    }

    static func tenant(_ text: String) throws -> TenantID {
        guard let tenant = TenantID(text) else {
            throw ValidationError("'\(text)' cannot be a tenant; allowed are \(Identifier.rule).")
        }
        return tenant
    }

    static func found(_ id: String, in store: SQLiteJobStore) async throws -> WebhookEndpoint {
        guard let endpoint = try await store.endpoint(id, of: nil) else { throw unknown(id) }
        return endpoint
    }

    /// Adds it unless its tenant has as many as the configuration allows.
    static func add(
        _ endpoint: WebhookEndpoint, sealedUnder revision: Int, to store: SQLiteJobStore, limit: Int
    ) async throws {
        guard try await store.addEndpoint(endpoint, sealedUnder: revision, limit: limit) else {
            throw WebhookEndpoint.limitReached(limit, of: endpoint.tenant)
        }
    }

    static func unknown(_ id: String) -> RelayError {
        RelayError(
            .webhookUnknown, "There is no endpoint '\(id)' in this data folder.", remedy: "See relay webhooks list.")
    }
}
