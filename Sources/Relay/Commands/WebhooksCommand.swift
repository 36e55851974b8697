import ArgumentParser
import Domain
import Vault

struct WebhooksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhooks",
        abstract: "What receivers need to verify the relay's callbacks.",
        subcommands: [SharedSecret.self]
    )

    struct SharedSecret: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "secret",
            abstract: "Prints the secret that signs a tenant's callbacks to URLs named by jobs themselves.",
            discussion: "An endpoint registered by POST /v1/webhooks has a secret of its own, shown when it is made."
        )

        @OptionGroup var common: CommonOptions
        @Option(help: "The tenant whose jobs name the URLs.")
        var tenant: String

        func run() async throws {
            guard let tenant = TenantID(tenant) else {
                throw ValidationError("'\(tenant)' cannot be a tenant; allowed are \(Identifier.rule).")
            }
            let keyring = try await common.keyring()
            print(WebhookSecretVault(keyring: SharedKeyring(keyring)).shared(by: tenant).reveal())
        }
    }
}
