import ArgumentParser
import Domain
import Queue

struct TenantsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenants",
        abstract: "How tenants share the workers, what they may ask for, and their budgets.",
        subcommands: [List.self, Show.self, Set.self, Erase.self]
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

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows a tenant's share, limits, and where its budgets stand.")
        @OptionGroup var common: CommonOptions
        @Argument(help: "The tenant.")
        var tenant: String

        func run() async throws {
            let (store, now) = (try common.openStore(), SystemClock().now())
            let unknown = ValidationError("There is no tenant '\(tenant)'; relay tenants list shows them.")
            guard let id = TenantID(tenant) else { throw unknown }
            let status = try await store.tenant(id, at: now)
            guard let limits = try await store.limits()[id] ?? status.map({ _ in .none }) else { throw unknown }
            print(table(status, limits).text)
            let book = try await store.budget(of: id, at: now)
            if !book.entries.isEmpty { print("\n\(standing(book, limits.budget).text)") }
        }

        private func table(_ status: TenantStatus?, _ limits: TenantLimits) -> TextTable {
            var table = TextTable(["LIMIT", "VALUE"])
            table.add(["weight", String(status?.share.weight ?? TenantShare.normalWeight)])
            table.add(["max_running", status?.share.maxRunning.map(String.init) ?? "-"])
            for field in TenantLimitField.allCases { table.add([field.rawValue, field.text(in: limits) ?? "-"]) }
            return table
        }

        private func standing(_ book: BudgetBook, _ limits: BudgetLimits) -> TextTable {
            var table = TextTable(["BUDGET", "MEASURE", "LIMIT", "SPENT", "RESERVED"])
            for period in book.entries.keys.sorted(by: { $0.kind.rawValue < $1.kind.rawValue }) {
                let entry = book[period]
                table.add([
                    period.words, "tokens", limits.tokens(per: period.kind).map(String.init) ?? "-",
                    String(entry.spent.tokens), String(entry.reserved.tokens),
                ])
                table.add([
                    period.words, "usd", limits.money(per: period.kind)?.dollars ?? "-", entry.spent.money.dollars,
                    entry.reserved.money.dollars,
                ])
            }
            return table
        }
    }
}
