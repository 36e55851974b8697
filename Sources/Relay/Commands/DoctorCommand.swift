import ArgumentParser
import Domain
import Queue
import Upstream
import Vault

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Checks everything a relay needs, and says how to mend what fails.",
        discussion: "Sends one unbilled request (GET /v1/models) a key. Exits with 1 if a check fails."
    )

    @OptionGroup var common: CommonOptions
    @Option(help: "HOST:PORT of the relay, as for relay serve.")
    var listen: String?

    func run() async throws {
        var report = DoctorReport()
        guard let settings = report.check("configuration", { try common.settings(listen: listen) }),
            let folder = report.check("data folder", { try DataFolder(preparing: settings.data) })
        else { return try report.finish() }
        let store = report.check("queue") { try folder.openStore(settings) }
        _ = report.check("pacing ledger") { try folder.openLedger() }
        if let store,
            let keeper = await report.check("master key", { try await folder.openKeyring(of: store, settings) })
        {
            await report.check("queue file") { try await checkFile(of: store) }
            let counts = await report.check("queue contents") { try await store.counts(of: nil) }
            if let counts { report.note("\(counts[.queued] ?? 0) jobs queued, \(counts[.running] ?? 0) running") }
            await checkKeys(in: store, keyring: keeper.keyring, settings: settings, report: &report)
        }
        await checkRelay(settings: settings, report: &report)
        try report.finish()
    }

    /// Whether the relay that runs, if one does, is ready: it may know other keys than a new process finds.
    private func checkRelay(settings: Settings, report: inout DoctorReport) async {
        let url = "\(settings.scheme)://\(settings.listen)"
        guard let client = try? RelayClient(base: url, token: nil) else { return }
        defer { client.shutdown() }
        guard let reply = try? await client.get("/readyz"), [200, 503].contains(reply.status) else {
            return report.note("no relay answers at \(url)")
        }
        report.check("relay at \(url)") {
            guard reply.status != 200 else { return }
            throw RelayError(
                .storeUnavailable, "It is not ready: \(String(decoding: reply.body, as: UTF8.self))",
                remedy: "Do what its answer says.")
        }
    }

    private func checkFile(of store: SQLiteJobStore) async throws {
        let problems = try await store.problems()
        guard !problems.isEmpty else { return }
        throw RelayError(
            .storeUnavailable, "The queue's file is damaged: \(problems.joined(separator: "; ")).",
            remedy: "Stop the relay and restore a backup; see docs/operations.md.")
    }

    private func checkKeys(
        in store: SQLiteJobStore, keyring: Keyring, settings: Settings, report: inout DoctorReport
    ) async {
        guard let stored = await report.check("stored keys", { try await store.keys() }) else { return }
        let environment = EnvironmentKey.secret
        if stored.isEmpty, environment == nil {
            report.fail("upstream keys", "There is no key: printf %s \"$ANTHROPIC_API_KEY\" | relay keys add default")
        }
        let sealer = SecretSealer(keyring: SharedKeyring(keyring))
        guard let client = report.check("libcurl", { try CurlTransport(upstreamOf: settings) }) else { return }
        for key in stored {
            await report.check("key '\(key.id)' at \(settings.upstream)") {
                try await probe(sealer.open(key.sealedSecret, for: KeyDirectory.owner(key.id)), settings, client)
            }
        }
        if let environment {
            await report.check("ANTHROPIC_API_KEY at \(settings.upstream)") {
                try await probe(environment, settings, client)
            }
        }
        client.shutdown()
    }

    /// Asks for the list of models, which costs nothing.
    private func probe(_ secret: Secret, _ settings: Settings, _ client: CurlTransport) async throws {
        let headers = [HeaderField("x-api-key", secret.reveal()), HeaderField("anthropic-version", "2023-06-01")]
        let limits = Timeouts(connect: .seconds(5), firstByte: .seconds(10), idle: .seconds(5), total: .seconds(15))
        let request = HTTPRequest(
            method: "GET", url: settings.upstream + "/v1/models?limit=1", headers: headers, body: nil, timeouts: limits)
        let reply: UpstreamReply
        do {
            reply = try await client.exchange(request, over: settings.egress.first ?? .direct, limit: 1 << 20)
        } catch {
            throw RelayError(
                .upstreamUnreachable, "No answer: \(error.detail).", remedy: "Check the network, --upstream and egress."
            )
        }
        guard reply.status != 200 else { return }
        throw RelayError(
            .noUpstreamKey, "The upstream answered HTTP \(reply.status) (request-id \(reply.requestID ?? "none")).",
            remedy: "Check the key; relay keys add replaces it.")
    }
}
