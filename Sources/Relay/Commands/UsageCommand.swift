import API
import ArgumentParser
import Domain
import Queue

struct UsageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage",
        abstract: "What tenants have used, and what it cost.",
        discussion: """
            Counts calls to the upstream by day (UTC), tenant, upstream key and model, at the prices of the moment when they ended.
            unpriced are calls to models that are not on the price list; they count at its dearest prices.

            Without prices.file the prices are those that the relay ships, of \(ShippedPrices.date), which come without warranty:
            check them against your contract. To change them: relay config prices > prices.yaml, correct that file, name it as
            prices.file in the configuration, and send the relay SIGHUP. What has been counted stays as it is.
            """
    )

    @OptionGroup var common: CommonOptions
    @Option(help: "Only of this tenant.")
    var tenant: String?
    @Option(help: "From this day on: \(UsageQuery.timeRule).")
    var since: String?
    @Option(help: "Up to this day, without it.")
    var until: String?
    @Option(help: "What to group by: \(UsageQuery.dimensionRule).")
    var by = "tenant,model"
    @Flag(help: "Comma-separated values (RFC 4180).")
    var csv = false

    func run() async throws {
        let query = try query()
        let rows: [UsageRow]
        do {
            rows = try await common.openStore().usage(query)
        } catch JobStoreError.tooMany(let limit) {
            throw ValidationError(
                "The answer has more than \(limit) rows, and part of it would pass for all of it; ask for less: a "
                    + "shorter time (--since, --until), one tenant (--tenant), or fewer things to group by (--by).")
        }
        guard !csv else { return StandardOutput.write(Array(UsageText.csv(rows, query).utf8)) }
        var table = TextTable(UsageText.titles(query).map { $0.uppercased() })
        for row in rows { table.add(UsageText.cells(row, query)) }
        print(table.text)
    }

    private func query() throws -> UsageQuery {
        guard let dimensions = UsageQuery.dimensions(by) else {
            throw ValidationError("--by is '\(by)'; allowed is \(UsageQuery.dimensionRule).")
        }
        let tenant = try tenant.map { text in
            guard let tenant = TenantID(text) else {
                throw ValidationError("--tenant is '\(text)'; allowed are \(Identifier.rule).")
            }
            return tenant
        }
        return UsageQuery(
            tenant: tenant, since: try time(since, "--since"), until: try time(until, "--until"), by: dimensions)
    }

    private func time(_ text: String?, _ option: String) throws -> Timestamp? {
        guard let text else { return nil }
        guard let time = UsageQuery.time(text) else {
            throw ValidationError("\(option) is '\(text)'; allowed is \(UsageQuery.timeRule).")
        }
        return time
    }
}
