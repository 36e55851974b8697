import ArgumentParser
import Domain
import Queue

struct QueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue", abstract: "The queue as a whole.", subcommands: [Stats.self])

    struct Stats: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows jobs by tenant and state, who has waited longest, and what the store takes on disk.")
        @OptionGroup var common: CommonOptions

        func run() async throws {
            let store = try common.openStore()
            var table = TextTable(
                [
                    "TENANT", "QUEUED", "RUNNING", "SUCCEEDED", "ERRORED", "CANCELED", "EXPIRED", "WAITING", "WEIGHT",
                    "LIMIT",
                ])
            for tenant in try await store.tenants(at: SystemClock().now()) { table.add(cells(tenant)) }
            print(table.text)
            let usage = try await store.usage()
            print("")
            print("On disk   \(mebibytes(usage.fileBytes)), of it free \(mebibytes(usage.freeBytes))")
            print("Log       \(mebibytes(usage.logBytes))")
        }

        private func cells(_ tenant: TenantStatus) -> [String] {
            let states: [JobState] = [.queued, .running, .succeeded, .errored, .canceled, .expired]
            return [tenant.share.tenant.text] + states.map { String(tenant.counts[$0] ?? 0) } + [
                tenant.waiting.map { "\($0.microseconds / 1_000_000)s" } ?? "-", String(tenant.share.weight),
                tenant.share.maxRunning.map(String.init) ?? "-",
            ]
        }

        private func mebibytes(_ bytes: Int) -> String {
            let tenths = (bytes * 10 + 524_288) / 1_048_576
            return "\(tenths / 10).\(tenths % 10) MiB"
        }
    }
}
