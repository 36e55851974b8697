import ArgumentParser
import Domain

@main
struct RelayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relay",
        abstract: "A durable, paced, observable relay between your programs and the Claude API.",
        discussion: """
            Start here:
              printf %s "$ANTHROPIC_API_KEY" | relay keys add default --rps 5
              relay tokens issue --tenant acme          # what your programs send as their API key
              relay serve                               # http://127.0.0.1:8787

            Then submit jobs (relay batch submit FILE.jsonl --wait), or set ANTHROPIC_BASE_URL to the relay.
            Every command takes --data DIR (default ./relay-data) and --config FILE.
            """,
        version: "0.1.0",
        subcommands: [
            ServeCommand.self, APICommand.self, WorkerCommand.self,
            KeysCommand.self, EgressCommand.self, TokensCommand.self, WebhooksCommand.self,
            JobsCommand.self, BatchCommand.self, QueueCommand.self, TenantsCommand.self, UsageCommand.self,
            AuditCommand.self, VaultCommand.self, StatusCommand.self, DoctorCommand.self, BackupCommand.self,
            ConfigCommand.self,
        ]
    )

    /// What a command does is done by the user who gave it. Any of them may hold secrets.
    static func main() async {
        ProcessHardening.apply()
        await AuditActor.$current.withValue(AuditActor(.command, UserName.current)) {
            await main(nil)
        }
    }
}
