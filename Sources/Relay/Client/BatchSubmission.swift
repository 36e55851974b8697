import Domain
import FoundationEssentials

/// Submits the lines of a file as jobs and fetches their results.
struct BatchSubmission: Sendable {
    struct Accepted: Sendable {
        let line: Int
        let id: String
    }

    struct Refused: Sendable {
        let line: Int
        let message: String
    }

    private static let linesPerCall = 1000
    private static let bytesPerCall = 4 << 20
    private static let waiters = 16
    let client: RelayClient

    /// Sends the file in groups. - Returns: what became of each line.
    func submit(_ path: String) async throws -> (accepted: [Accepted], refused: [Refused]) {
        var file = try LineFile(path: path)
        var (accepted, refused): ([Accepted], [Refused]) = ([], [])
        while true {
            let lines = file.next(maxLines: Self.linesPerCall, maxBytes: Self.bytesPerCall)
            guard !lines.isEmpty else { return (accepted, refused) }
            let body = Array(lines.map(\.bytes).joined(separator: [0x0A]))
            let reply = try await client.post("/v1/jobs", body: body, contentType: "application/x-ndjson")
            for (line, answer) in zip(lines, try answers(in: reply, count: lines.count)) {
                if let id = answer.id { accepted.append(Accepted(line: line.number, id: id)) }
                if let error = answer.error { refused.append(Refused(line: line.number, message: error.message)) }
            }
        }
    }

    /// Waits for each job's end and hands its line of the results file to `write`, in the order in which jobs end.
    func collect(_ jobs: [Accepted], progress: ProgressBar, write: @Sendable ([UInt8]) async throws -> Void)
        async throws -> Int
    {
        try await withThrowingTaskGroup(of: ResultLine.self) { group in
            var rest = jobs.makeIterator()
            var succeeded = 0
            for _ in 0..<Self.waiters {
                if let job = rest.next() { group.addTask { try await result(of: job) } }
            }
            while let line = try await group.next() {
                if line.status == "succeeded" { succeeded += 1 }
                try await write(line.bytes)
                progress.step(failed: line.status != "succeeded")
                if let job = rest.next() { group.addTask { try await result(of: job) } }
            }
            return succeeded
        }
    }

    private func result(of job: Accepted) async throws -> ResultLine {
        while true {
            let reply = try await client.get("/v1/jobs/\(job.id)?wait=30")
            guard reply.status == 200, let state = try? decode(JobAnswer.self, reply.body) else {
                throw unexpected(reply, "the state of \(job.id)")
            }
            guard let terminal = JobState(rawValue: state.status), terminal.isTerminal else { continue }
            let result = try await client.get("/v1/jobs/\(job.id)/result")
            return ResultLine(job: job, status: state.status, reply: result)
        }
    }

    private func answers(in reply: UpstreamReply, count: Int) throws -> [LineAnswer] {
        let answers = reply.body.split(separator: 0x0A).compactMap { try? decode(LineAnswer.self, Array($0)) }
        guard answers.count == count else { throw unexpected(reply, "the answer to the submission") }
        return answers
    }

    private func decode<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8]) throws -> Value {
        try JSONDecoder().decode(type, from: Data(bytes))
    }

    private func unexpected(_ reply: UpstreamReply, _ what: String) -> RelayError {
        let excerpt = String(decoding: reply.body.prefix(500), as: UTF8.self)
        return RelayError(
            .relayUnreachable, "The relay answered HTTP \(reply.status) for \(what): \(excerpt)",
            remedy: "Check the token (RELAY_TOKEN) and the relay's log.")
    }

    private struct LineAnswer: Decodable {
        struct Failure: Decodable {
            let message: String
        }
        let id: String?
        let error: Failure?
    }

    private struct JobAnswer: Decodable {
        let status: String
    }
}
