import ArgumentParser
import Domain
import Queue

extension JobsCommand {
    struct Replay: AsyncParsableCommand {
        private static let pageSize = 500

        static let configuration = CommandConfiguration(
            abstract: "Submits jobs that did not succeed once more.",
            discussion: """
                Each becomes a new job with the same request, without its deadline; the old one stays as it is and names the new
                one. A job is replayed once: repeating the command finds the replays that exist. Examples:
                  relay jobs replay job_01kdv…                    # these
                  relay jobs replay --dead --since 2h             # all dead letters of the last two hours
                """
        )
        @OptionGroup var common: CommonOptions
        @OptionGroup var filter: JobFilter
        @Argument(help: "The jobs' ids (job_…).")
        var ids: [String] = []

        func run() async throws {
            let store = try await common.openStoreToChange(existing: true).store
            guard !filter.dead else { return try await replayDeadLetters(in: store) }
            guard !ids.isEmpty else { throw ValidationError("Name the jobs' ids, or choose dead letters with --dead.") }
            let jobs = try ids.map { try JobFilter.parsed($0, as: JobID.init, what: "job id") }
            let outcomes = try await replay(jobs, in: store)
            for (job, outcome) in zip(jobs, outcomes) { print("\(job)  \(words(outcome))") }
            if outcomes.contains(where: { $0.newJob == nil }) { throw ExitCode(2) }
        }

        private func replayDeadLetters(in store: SQLiteJobStore) async throws {
            guard ids.isEmpty else { throw ValidationError("Ids and --dead exclude each other.") }
            var query = try filter.query(limit: Self.pageSize)
            var count = 0
            while true {
                let page = try await store.list(query)
                let outcomes = try await replay(page.jobs.map(\.id), in: store)
                count += outcomes.count { $0.newJob != nil }
                guard let next = page.next else { break }
                query.after = next
                StandardError.line("\(count) replayed …")
            }
            print(count == 0 ? "No dead letters match." : "\(count) dead letters replayed.")
        }

        private func replay(_ jobs: [JobID], in store: SQLiteJobStore) async throws -> [ReplayOutcome] {
            let now = SystemClock().now()
            var random = SystemRandomNumberGenerator()
            let replays = jobs.map { Queue.Replay($0, as: .make(at: now, using: &random)) }
            return try await store.replay(replays, of: nil, pricedBy: try common.settings().prices(), at: now)
        }

        private func words(_ outcome: ReplayOutcome) -> String {
            switch outcome {
            case .replayed(let id): "replayed as \(id)"
            case .existing(let id): "was replayed before as \(id)"
            case .refused(let state): "not replayed: it is \(state.rawValue)"
            case .overLimit(.queueFull(_, let limit)): "not replayed: its tenant has \(limit) jobs waiting, its limit"
            case .overLimit(.modelNotAllowed): "not replayed: its tenant may not call its model"
            case .overLimit(.tooLarge(_, let limit)): "not replayed: its tenant's bodies have at most \(limit) bytes"
            case .overLimit(.uncounted), .overLimit(.budget): "not replayed: its tenant's budget has no room for it"
            case .unknown: "there is no such job"
            case .erased: "not replayed: its tenant's data was erased"
            }
        }
    }
}

extension ReplayOutcome {
    fileprivate var newJob: JobID? {
        switch self {
        case .replayed(let id), .existing(let id): id
        case .refused, .overLimit, .unknown, .erased: nil
        }
    }
}
