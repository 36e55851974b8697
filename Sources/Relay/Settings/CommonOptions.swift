import ArgumentParser
import Domain
import FoundationEssentials

/// The options that every command takes, and how they become ``Settings``: flag before environment before file.
struct CommonOptions: ParsableArguments {
    @Option(help: "The data folder. [RELAY_DATA; default: ./relay-data]")
    var data: String?

    @Option(help: "The configuration file, YAML. [RELAY_CONFIG]")
    var config: String?

    @Option(help: "Where the upstream is. [RELAY_UPSTREAM; default: https://api.anthropic.com]")
    var upstream: String?

    /// - Parameter listen: what the command's own flag says, if it has one.
    func settings(listen: String? = nil) throws -> Settings {
        let environment = ProcessInfo.processInfo.environment
        var settings = Settings()
        if let path = config ?? environment["RELAY_CONFIG"] {
            try SettingsFile(path: path).apply(text: Self.read(path), to: &settings)
        }
        settings.data = data ?? environment["RELAY_DATA"] ?? settings.data
        settings.listen = listen ?? environment["RELAY_LISTEN"] ?? settings.listen
        settings.upstream = upstream ?? environment["RELAY_UPSTREAM"] ?? settings.upstream
        if settings.upstream.hasSuffix("/") { settings.upstream.removeLast() }
        try settings.check()
        return settings
    }

    private static func read(_ path: String) throws -> String {
        do {
            return String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
        } catch {
            throw RelayError(
                .configurationInvalid, "The configuration file \(path) cannot be read.",
                remedy: "Check its name and permissions.")
        }
    }
}
