import ArgumentParser
import Domain
import FoundationEssentials
import Vault

struct BatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "batch", abstract: "Submits many jobs to a running relay.", subcommands: [Submit.self])

    struct Submit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Submits a file of jobs, one JSON object a line, and with --wait fetches their results.",
            discussion: """
                A line is a job: {"request": {…a Messages body…}, "metadata": {…}, "priority": 0-9}. Results are written
                one a line as jobs end: {"line", "id", "status", "http_status", "result"}.
                The token is taken from RELAY_TOKEN; without it, one is made with the data folder's key.
                """
        )

        @OptionGroup var common: CommonOptions
        @Argument(help: "The file, JSON Lines.")
        var file: String
        @Option(help: "The relay. [RELAY_URL; default: http://127.0.0.1:8787]")
        var relay: String?
        @Option(help: "The tenant, if a token is made.")
        var tenant = "default"
        @Flag(help: "Wait for all results.")
        var wait = false
        @Option(help: "Where to write results; FILE.results.jsonl if not given.")
        var out: String?

        func run() async throws {
            let client = try RelayClient(base: base(), token: try await token())
            defer { client.shutdown() }
            let batch = BatchSubmission(client: client)
            let (accepted, refused) = try await batch.submit(file)
            StandardOutput.line("\(accepted.count) jobs accepted, \(refused.count) refused.")
            for line in refused { StandardError.line("\(file):\(line.line): \(line.message)") }
            if wait {
                try await collect(accepted, of: batch)
            } else {
                for job in accepted { StandardOutput.line(job.id) }
            }
            if !refused.isEmpty { throw ExitCode(2) }
        }

        private func collect(_ jobs: [BatchSubmission.Accepted], of batch: BatchSubmission) async throws {
            guard !jobs.isEmpty else { return }
            let path = out ?? file + ".results.jsonl"
            let output = try OutputFile(path: path)
            let progress = ProgressBar("Results", total: jobs.count)
            let succeeded = try await batch.collect(jobs, progress: progress) { try output.write($0) }
            try output.close()
            StandardOutput.line("\(succeeded) of \(jobs.count) jobs succeeded. Results: \(path)")
            if succeeded < jobs.count { throw ExitCode(1) }
        }

        private func base() throws -> String {
            let url = relay ?? ProcessInfo.processInfo.environment["RELAY_URL"] ?? "http://127.0.0.1:8787"
            return url.hasSuffix("/") ? String(url.dropLast()) : url
        }

        private func token() async throws -> Secret {
            if let token = ProcessInfo.processInfo.environment["RELAY_TOKEN"], !token.isEmpty { return Secret(token) }
            guard let tenant = TenantID(tenant) else {
                throw ValidationError("'\(tenant)' cannot be a tenant; allowed are \(Identifier.rule).")
            }
            return try await TokensCommand.issue(
                for: Caller(tenant: tenant, scopes: [.jobs]), lifetime: .seconds(86_400), common.openStoreToChange())
        }
    }
}
