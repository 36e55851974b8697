import ArgumentParser
import Domain
import Queue

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows what is in the queue, the outbox and the keyring, and whether a relay answers."
    )

    @OptionGroup var common: CommonOptions
    @Option(help: "Where to look for the running relay. [RELAY_LISTEN; default: 127.0.0.1:8787]")
    var listen: String?

    func run() async throws {
        let settings = try common.settings(listen: listen)
        let store = try common.openStore()
        let jobs = try await store.counts(of: nil)
        let deliveries = try await store.deliveryCounts()
        let keys = try await store.keys()
        let client = try RelayClient(base: "\(settings.scheme)://\(settings.listen)", token: nil)
        defer { client.shutdown() }
        var table = TextTable(["WHAT", "STATE", "COUNT"])
        for state in JobState.allCases { table.add(["jobs", state.rawValue, String(jobs[state] ?? 0)]) }
        for state in DeliveryState.allCases {
            table.add(["callbacks", state.rawValue, String(deliveries[state] ?? 0)])
        }
        table.add(["keys", "stored", String(keys.count)])
        print(table.text)
        print("")
        if let trouble = await keyringTrouble(of: store, settings) { print(trouble) }
        print(await readiness(of: client, at: "\(settings.scheme)://\(settings.listen)"))
    }

    /// What a relay that is started now would say of the store's keyring; nil if it would open it, or make it.
    private func keyringTrouble(of store: SQLiteJobStore, _ settings: Settings) async -> String? {
        do {
            guard let stored = try await store.keyring() else { return nil }
            do {
                _ = try await DataFolder(existing: settings.data).openKeyring(of: store, settings)
                return nil
            } catch {
                return "The store's keyring, revision \(stored.revision), does not open here. \(error)"
            }
        } catch {
            return "The store's keyring cannot be read. \(error)"
        }
    }

    private func readiness(of client: RelayClient, at url: String) async -> String {
        do {
            let reply = try await client.get("/readyz")
            if reply.status == 200 { return "The relay at \(url) is ready." }
            return "The relay at \(url) is not ready: \(String(decoding: reply.body, as: UTF8.self))"
        } catch {
            return
                "No relay answers at \(url). Start one: relay serve --data '\((try? common.settings().data) ?? "")'"
        }
    }
}
