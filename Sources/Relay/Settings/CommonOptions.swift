import ArgumentParser
import Domain
import FoundationEssentials

/// The options that every command takes, and how they become ``Settings``: flag before environment before file.
struct CommonOptions: ParsableArguments {
    @Option(help: "The data folder. [RELAY_DATA; default: ./relay-data]")
    var data: String?

    @Option(help: "The configuration file: YAML, perhaps encrypted with ansible-vault. [RELAY_CONFIG]")
    var config: String?

    @OptionGroup var vaultPassword: VaultPasswordOption

    @Option(help: "Where the upstream is. [RELAY_UPSTREAM; default: https://api.anthropic.com]")
    var upstream: String?

    /// - Parameter listen: what the command's own flag says, if it has one.
    func settings(listen: String? = nil) throws -> Settings {
        let environment = ProcessInfo.processInfo.environment
        var settings = Settings()
        if let path = config ?? environment["RELAY_CONFIG"] {
            let password = vaultPassword.path.map(VaultPasswordFile.init)
            let text = try ConfigurationText(path: path, passwordFile: password).read()
            try SettingsFile(path: path).apply(text: text, to: &settings)
        }
        settings.data = data ?? environment["RELAY_DATA"] ?? settings.data
        settings.listen = listen ?? environment["RELAY_LISTEN"] ?? settings.listen
        settings.upstream = upstream ?? environment["RELAY_UPSTREAM"] ?? settings.upstream
        if settings.upstream.hasSuffix("/") { settings.upstream.removeLast() }
        try settings.check()
        return settings
    }
}
