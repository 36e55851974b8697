import ArgumentParser
import Domain
import Queue

struct JobsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs",
        abstract: "Looks into the queue of a data folder, whether a relay is running or not.",
        subcommands: [List.self, Show.self, Cancel.self, Replay.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists jobs, newest first.")
        @OptionGroup var common: CommonOptions
        @OptionGroup var filter: JobFilter
        @Option(help: "Only jobs older than this one, to page on.")
        var after: String?
        @Option(help: "How many, 1 to 1000.")
        var limit = 20

        func run() async throws {
            var query = try filter.query(limit: limit)
            query.after = try after.map { try JobFilter.parsed($0, as: JobID.init, what: "job id") }
            let page = try await common.openStore().list(query)
            var table = TextTable(["JOB", "TENANT", "STATE", "TRIES", "STATUS", "MODEL", "CREATED"])
            for job in page.jobs {
                table.add([
                    job.id.text, job.tenant.text, job.state.rawValue, String(job.attempts),
                    job.resultStatus.map(String.init) ?? "-", job.model, job.createdAt.rfc3339,
                ])
            }
            print(page.jobs.isEmpty ? "No such jobs." : table.text)
            if let next = page.next { print("More: add --after \(next)") }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows one job, its attempts and its result.")
        @OptionGroup var common: CommonOptions
        @Argument(help: "The job's id (job_…).")
        var id: String
        @Flag(help: "Print the result's body alone, byte for byte.")
        var result = false

        func run() async throws {
            let store = try await common.openStoreToRead()
            guard let id = JobID(id), let job = try await store.job(id, of: nil) else {
                throw JobsCommand.unknownJob(id)
            }
            guard !job.isErased else { throw RelayError.payloadErased }
            let answer = try await store.result(of: id, tenant: nil)
            if result {
                guard let answer else {
                    throw RelayError(
                        .jobNotEnded, "The job is \(job.state.rawValue).", remedy: "Ask again when it has ended.")
                }
                return StandardOutput.write(answer.body)
            }
            print(JobDescription(job: job, attempts: try await store.attempts(of: id), result: answer).text)
        }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cancels a job: at once if it is queued, by closing its call if it is running.")
        @OptionGroup var common: CommonOptions
        @Argument(help: "The job's id (job_…).")
        var id: String

        func run() async throws {
            let store = try common.openStore()
            guard let id = JobID(id), let job = try await store.job(id, of: nil),
                let outcome = try await store.cancel(id, of: job.tenant, at: SystemClock().now())
            else { throw JobsCommand.unknownJob(id) }
            switch outcome {
            case .canceled: print("\(id) is canceled.")
            case .requested: print("\(id) is running; its worker has been told to cancel it.")
            case .alreadyEnded(let state): print("\(id) has already ended: \(state.rawValue).")
            }
        }
    }

    static func unknownJob(_ id: String) -> RelayError {
        RelayError(.jobUnknown, "There is no job '\(id)' in this data folder.", remedy: "See relay jobs list.")
    }
}
