import ArgumentParser
import Domain
import Queue
import Upstream

struct EgressCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "egress",
        abstract: "The ways out to the upstream: what there is, whether it works, and what is not to be used.",
        discussion: """
            Ways out are listed in the configuration file (egress: …); kill -HUP makes a running relay read it anew.
            A disabled way carries no new calls within a second; calls under way on it finish.
            """,
        subcommands: [List.self, Probe.self, Disable.self, Enable.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the configured ways out and which of them are out.")
        @OptionGroup var common: CommonOptions

        func run() async throws {
            let settings = try common.settings()
            let outages = try await common.openStore().egressOutages()
            var table = TextTable(["ID", "KIND", "REGION", "WEIGHT", "STATE", "SINCE", "NOTE"])
            for path in settings.paths {
                let outage = outages.first { $0.path == path.id }
                table.add([
                    path.id, path.kind, path.region ?? "-", String(path.weight), outage?.reason.rawValue ?? "in use",
                    outage?.since.rfc3339 ?? "-", outage?.note ?? "",
                ])
            }
            print(table.text)
        }
    }

    struct Probe: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Asks over each way out whether the upstream can be reached. Unbilled.",
            discussion: "Sends GET /v1/models without a credential. Exits with 1 if a way fails.")
        @OptionGroup var common: CommonOptions
        @Argument(help: "The way's id; all of them if not given.")
        var id: String?

        func run() async throws {
            let settings = try common.settings()
            let paths = try id.map { [try EgressCommand.path($0, in: settings)] } ?? settings.paths
            let transport = try CurlTransport(upstreamOf: settings)
            defer { transport.shutdown() }
            let gateway = Gateway(
                configuration: GatewayConfiguration(upstream: settings.upstream, egress: paths),
                transport: transport, ledger: MemoryPacingLedger(), keyring: NoKeys(), clock: ContinuousClock(),
                wall: SystemClock())
            let prober = EgressProber(gateway: gateway, interval: .zero, timeout: settings.probeTimeout)
            var table = TextTable(["ID", "RESULT", "TOOK"])
            var failures = 0
            for path in paths {
                let begin = ContinuousClock.now
                let finding = await prober.probe(path)
                if case .reached = finding {} else { failures += 1 }
                table.add([path.id, Self.text(finding), "\((ContinuousClock.now - begin).microseconds / 1000) ms"])
            }
            print(table.text)
            if failures > 0 { throw ExitCode.failure }
        }

        private static func text(_ finding: EgressProber<ContinuousClock>.Finding) -> String {
            switch finding {
            case .reached(let status): "reached (status \(status))"
            case .foreign(let status): "something else than the API answers (status \(status))"
            case .regionRefused: "region refused"
            case .failed(let failure): "\(failure.kind.rawValue): \(failure.detail)"
            }
        }

        /// A probe carries no credential.
        private struct NoKeys: UpstreamKeyring {
            func keys() -> [UpstreamKey] { [] }
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes a way out of use, for all processes of the data folder, until it is enabled.")
        @OptionGroup var common: CommonOptions
        @Argument(help: "The way's id.")
        var id: String
        @Option(help: "Why, for those who look later.")
        var reason = ""

        func run() async throws {
            let settings = try common.settings()
            let path = try EgressCommand.path(id, in: settings)
            let store = try await common.openStoreToChange(existing: true).store
            try await store.takeOut(
                EgressOutage(path: path.id, reason: .disabled, note: reason, since: SystemClock().now()))
            print("'\(path.id)' is out of use; calls under way on it finish.")
            let outages = Set(try await store.egressOutages().map(\.path))
            if settings.paths.allSatisfy({ outages.contains($0.id) }) {
                print("No way out is left: nothing is sent until one is enabled.")
            }
        }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Brings a way back that was disabled or whose region the upstream had refused.")
        @OptionGroup var common: CommonOptions
        @Argument(help: "The way's id.")
        var id: String

        func run() async throws {
            // It may have left the configuration meanwhile.
            guard try await common.openStoreToChange(existing: true).store.bringBack(id) else {
                throw RelayError(
                    .argumentInvalid, "The way '\(id)' is not out of use.", remedy: "See relay egress list.")
            }
            print("'\(id)' is in use again.")
        }
    }

    fileprivate static func path(_ id: String, in settings: Settings) throws(RelayError) -> EgressPath {
        guard let path = settings.paths.first(where: { $0.id == id }) else {
            let known = settings.paths.map(\.id).joined(separator: ", ")
            throw RelayError(
                .argumentInvalid, "There is no way out '\(id)'; configured are \(known).",
                remedy: "Name one of them, or name the configuration file with --config.")
        }
        return path
    }
}
