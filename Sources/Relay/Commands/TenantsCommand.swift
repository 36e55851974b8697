import ArgumentParser
import Domain
import Queue

struct TenantsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenants",
        abstract: "How tenants share the workers.",
        subcommands: [List.self, Set.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the tenants and their shares.")
        @OptionGroup var common: CommonOptions

        func run() async throws {
            var table = TextTable(["TENANT", "WEIGHT", "LIMIT", "QUEUED", "RUNNING"])
            for tenant in try await common.openStore().tenants(at: SystemClock().now()) {
                table.add([
                    tenant.share.tenant.text, String(tenant.share.weight),
                    tenant.share.maxRunning.map(String.init) ?? "-", String(tenant.counts[.queued] ?? 0),
                    String(tenant.counts[.running] ?? 0),
                ])
            }
            print(table.text)
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sets a tenant's share of the workers; a running relay uses it with the next claim.",
            discussion: """
                While several tenants have due jobs, they take turns: one of weight 3 gets three jobs for every one of weight 1.
                A limit holds however idle the workers are. What is not given goes back to its default.
                """
        )
        @OptionGroup var common: CommonOptions
        @Argument(help: "The tenant: \(Identifier.rule).")
        var tenant: String
        @Option(help: "Its weight, \(TenantShare.weights.lowerBound) to \(TenantShare.weights.upperBound).")
        var weight = TenantShare.normalWeight
        @Option(help: "Jobs of it that run at the same time at most; unlimited if not given.")
        var maxRunning: Int?

        func run() async throws {
            guard let id = TenantID(tenant) else {
                throw ValidationError("'\(tenant)' cannot be a tenant; allowed are \(Identifier.rule).")
            }
            guard let share = TenantShare(tenant: id, weight: weight, maxRunning: maxRunning) else {
                throw ValidationError(
                    "--weight is \(weight) and --max-running \(maxRunning.map(String.init) ?? "not given"); allowed are "
                        + "\(TenantShare.weights.lowerBound) to \(TenantShare.weights.upperBound), and 1 or more.")
            }
            let settings = try common.settings()  // a share may be set before the first start
            try await DataFolder(preparing: settings.data).openStore(settings).setShare(share)
            print("Tenant '\(id)' has \(share.words).")
        }
    }
}
