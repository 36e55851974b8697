import ArgumentParser
import Domain
import Logging
import Queue
import ServiceLifecycle
import UnixSignals
import Vault
import Webhook

extension WebhooksCommand {
    struct Listen: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Receives callbacks on this machine, verifies their signatures and prints them, until Ctrl-C.",
            discussion: """
                Registers an endpoint for the tenant that exists while the command runs. The relay must allow it:
                webhooks.allow_http, webhooks.allow_networks with 127.0.0.0/8, and the port in webhooks.allow_ports.
                Callbacks to URLs that jobs name themselves are verified too. With --secret-stdin nothing is registered:
                  printf %s "$SECRET" | relay webhooks listen --secret-stdin --port 9000
                """)
        @OptionGroup var common: CommonOptions
        @Option(help: "Whose events to hear.")
        var tenant: String?
        @Option(help: "The port on 127.0.0.1; 0 picks one.")
        var port = 9000
        @Option(help: "What the relay calls, if it reaches this machine by another way, such as a tunnel.")
        var url: String?
        @Option(help: "What to listen to, separated by commas, or all.")
        var events = "all"
        @Option(help: "What verified callbacks are answered with, 200 to 599: try how the relay takes failures.")
        var answer = 204
        @Flag(help: "Print each callback's body as well.")
        var body = false
        @Flag(help: "Read a secret (whsec_…) from standard input and register nothing.")
        var secretStdin = false

        func validate() throws {
            guard secretStdin != (tenant != nil) else {
                throw ValidationError("Give either --tenant, or --secret-stdin with a secret on standard input.")
            }
            guard (200...599).contains(answer), (0...65_535).contains(port) else {
                throw ValidationError(
                    "--answer is \(answer) and --port \(port); allowed are 200 to 599, and 0 to 65535.")
            }
        }

        func run() async throws {
            guard let tenant else {
                let secret = try SecretInput.read(prompt: "Paste the secret (whsec_…), then Enter: ")
                return try await serve([secret]) { _, _ in [] }
            }
            let (store, keyring) = try await common.openStoreToChange(existing: true)
            let vault = WebhookSecretVault(keyring: keyring.shared)
            var random = SystemRandomNumberGenerator()
            let (owner, id) = (try WebhooksCommand.tenant(tenant), WebhookEndpoint.makeID(using: &random))
            let issued = try vault.issue(endpoint: id)
            let (wanted, limit) = (try EndpointOptions.events(events), try common.settings().webhookEndpoints)
            try await serve([issued.secret, vault.shared(by: owner).secret]) { ports, show in
                let endpoint = ListeningEndpoint(
                    store: store, revision: issued.keyringRevision, limit: limit, ports: ports
                ) { port in
                    let now = SystemClock().now()
                    return WebhookEndpoint(
                        id: id, tenant: owner, url: url ?? "http://127.0.0.1:\(port)/", events: wanted,
                        description: "relay webhooks listen",
                        secret: EndpointSecret(sealed: issued.sealed, createdAt: now), createdAt: now)
                } onRegistered: { endpoint in
                    show("'\(endpoint.id)' is registered for \(owner): \(endpoint.url)")
                }
                return [endpoint]
            }
        }

        /// Runs the receiver, and what `others` makes of its port, until Ctrl-C.
        private func serve(
            _ secrets: [Secret],
            with others: (AsyncStream<Int>, @escaping @Sendable (String) -> Void) -> [any Service]
        ) async throws {
            let printer = CallbackPrinter(
                verifier: WebhookVerifier(secrets: secrets), status: answer, printsBody: body)
            let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
            let receiver = WebhookReceiver(port: port) { port in
                StandardError.line("Listening on http://127.0.0.1:\(port)/ (Ctrl-C ends it)")
                continuation.yield(port)
            } onCallback: { headers, body in
                printer.take(headers, body)
            }
            var configuration = ServiceGroupConfiguration(
                services: ([receiver] + others(ports, StandardError.line)).map { .init(service: $0) },
                gracefulShutdownSignals: [.sigterm, .sigint], logger: Logger(label: "listen"))
            configuration.maximumGracefulShutdownDuration = .seconds(10)
            try await ServiceGroup(configuration: configuration).run()
        }
    }
}
