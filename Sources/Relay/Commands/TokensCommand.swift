import ArgumentParser
import Domain
import Vault

struct TokensCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokens",
        abstract: "The tokens that programs call the relay with.",
        subcommands: [Issue.self]
    )

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
        @Option(help: "Who it stands for: \(Identifier.rule).")
        var tenant: String
        @Option(help: "What it may do, separated by commas: messages, jobs, admin.")
        var scopes = "messages,jobs"
        @Option(help: "How long it lives, such as 12h or 30d; at most 10 years (3650d).")
        var ttl = "30d"

        func run() async throws {
            guard let tenant = TenantID(tenant) else {
                throw ValidationError("'\(tenant)' cannot be a tenant; allowed are \(Identifier.rule).")
            }
            guard let lifetime = DurationText.parse(ttl), (.seconds(1) ... .seconds(315_360_000)).contains(lifetime)
            else {
                throw ValidationError("--ttl is '\(ttl)'; allowed is 1s to 3650d, such as 12h or 30d.")
            }
            let caller = Caller(tenant: tenant, scopes: try Set(scopes.split(separator: ",").map(scope)))
            let keyring = try await common.keyring()
            let authority = TokenAuthority(master: keyring.root, clock: SystemClock())
            print(try authority.issue(for: caller, lifetime: lifetime).reveal())
        }

        private func scope(_ word: Substring) throws -> Caller.Scope {
            guard let scope = Caller.Scope(rawValue: String(word)) else {
                let known = Caller.Scope.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("'\(word)' is no scope; allowed are \(known).")
            }
            return scope
        }
    }
}
