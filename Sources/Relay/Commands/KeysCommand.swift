import ArgumentParser
import Domain
import Queue
import Vault

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "The credentials that the relay calls Claude with.",
        subcommands: [Add.self, List.self, Remove.self]
    )

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stores a key, read from standard input; a running relay uses it within a second.",
            discussion: """
                The key is sealed before it is stored and never printed again. It is read from standard input, because
                arguments show in ps and in the shell's history:
                  printf %s "$ANTHROPIC_API_KEY" | relay keys add main --rps 5
                Adding a name again replaces its key.
                """
        )

        @OptionGroup var common: CommonOptions
        @Argument(help: "What to call it: \(Identifier.rule).")
        var name: String
        @Option(help: "Requests per second that may start with it, evenly spaced; unlimited if not given.")
        var rps: Double?
        @Option(help: "The organization whose limits it spends; its own name if not given.")
        var org: String?
        @Option(help: "The workspace that it belongs to, if that has limits of its own.")
        var workspace: String?

        func run() async throws {
            let (identifier, organization) = (try checked(name), try checked(org ?? name))
            let workspace = try workspace.map(checked)
            let rate = try rps.map(rate)
            let secret = try SecretInput.read(prompt: "Paste the key for '\(name)', then Enter: ")
            let (store, keyring) = try await common.openStoreToChange()
            try await keyring.sealing {
                let revision = keyring.shared.revision
                let sealed = try SecretSealer(keyring: keyring.shared).seal(secret, for: KeyDirectory.owner(identifier))
                let key = StoredKey(
                    id: identifier, organization: organization, workspace: workspace, sealedSecret: sealed, rate: rate,
                    createdAt: SystemClock().now())
                try await store.put(key, sealedUnder: revision)
            }
            print("Key '\(identifier)' stored\(rps.map { ", at most \($0) requests/s" } ?? "").")
        }

        private func checked(_ text: String) throws -> String {
            guard Identifier.isValid(text) else {
                throw ValidationError("'\(text)' cannot be a name; allowed are \(Identifier.rule).")
            }
            return text
        }

        private func rate(_ rps: Double) throws -> PacingRate {
            guard let rate = PacingRate(requestsPerSecond: rps) else {
                throw ValidationError("--rps is \(rps); allowed is more than 0 and at most 100000.")
            }
            return rate
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the stored keys by name, never their values.")
        @OptionGroup var common: CommonOptions

        func run() async throws {
            let keys = try await common.openStore().keys()
            guard !keys.isEmpty else {
                print("No keys yet. Add one: printf %s \"$ANTHROPIC_API_KEY\" | relay keys add default")
                return
            }
            var table = TextTable(["NAME", "ORGANIZATION", "WORKSPACE", "REQUESTS/S", "ADDED"])
            for key in keys {
                let rate = key.rate.map { "\($0.requestsPerSecond)" } ?? "unlimited"
                table.add([key.id, key.organization, key.workspace ?? "–", rate, key.createdAt.rfc3339])
            }
            print(table.text)
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Removes a key; calls under way with it finish.")
        @OptionGroup var common: CommonOptions
        @Argument(help: "Its name.")
        var name: String

        func run() async throws {
            guard try await common.openStoreToChange(existing: true).store.removeKey(name) else {
                throw RelayError(
                    .argumentInvalid, "There is no key '\(name)'.", remedy: "See relay keys list for those there are.")
            }
            print("Key '\(name)' removed.")
        }
    }
}
