import ArgumentParser
import Domain

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Checks the configuration, encrypts its file, shows the prices.",
        subcommands: [Check.self, Encrypt.self, Decrypt.self, Prices.self])

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Reads file, environment and flags as relay serve would, and prints what is in force.")
        @OptionGroup var common: CommonOptions
        @Option(help: "HOST:PORT, as for relay serve.")
        var listen: String?

        func run() async throws {
            let settings = try common.settings(listen: listen)
            var table = TextTable(["KEY", "VALUE"])
            for setting in Setting.all { table.add([setting.key, setting.text(in: settings)]) }
            for line in settings.pacing.lines { table.add(["pacing.limits", line]) }
            for issuer in settings.tokenIssuers { table.add(["tokens.issuers", issuer.line]) }
            for path in settings.egress { table.add(["egress", path.id]) }
            print(table.text)
        }
    }

    struct Prices: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints the price list that the relay ships, to begin a file of your own with (prices.file).")

        func run() async throws {
            print(ShippedPrices.yaml)
        }
    }
}
