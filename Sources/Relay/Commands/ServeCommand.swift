import ArgumentParser

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Runs the relay: intake, workers and callbacks in one process.",
        discussion: "Works without any configuration and prints what to do next. SIGTERM or Ctrl-C drains and ends it."
    )

    @OptionGroup var common: CommonOptions
    @Option(help: "HOST:PORT to listen on; port 0 picks one. [RELAY_LISTEN; default: 127.0.0.1:8787]")
    var listen: String?

    func run() async throws {
        let (common, listen) = (common, listen)
        try await RelayProcess(settings: common.settings(listen: listen), duties: .all) {
            try common.settings(listen: listen)
        }.run()
    }
}

struct APICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "api",
        abstract: "Runs intake and the synchronous path alone; workers are processes of their own."
    )

    @OptionGroup var common: CommonOptions
    @Option(help: "HOST:PORT to listen on; port 0 picks one. [RELAY_LISTEN; default: 127.0.0.1:8787]")
    var listen: String?

    func run() async throws {
        let (common, listen) = (common, listen)
        try await RelayProcess(settings: common.settings(listen: listen), duties: .api) {
            try common.settings(listen: listen)
        }.run()
    }
}

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Runs a worker: drains the queue of a data folder and delivers callbacks. Start as many as you like."
    )

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let common = common
        try await RelayProcess(settings: common.settings(), duties: .work) { try common.settings() }.run()
    }
}
