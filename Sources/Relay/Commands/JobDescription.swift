import Domain

/// A job, its journal and the head of its result, for people to read.
struct JobDescription {
    private static let excerptLimit = 400
    let job: JobRecord
    let attempts: [AttemptRecord]
    let result: JobResult?

    var text: String {
        ([facts, journal, answer] as [String?]).compactMap(\.self).joined(separator: "\n\n")
    }

    private var facts: String {
        var lines = [
            "Job       \(job.id)", "Tenant    \(job.tenant)",
            "State     \(job.state.rawValue)\(job.isCancelRequested ? " (cancel requested)" : "")",
            "Model     \(job.model)", "Priority  \(job.priority.value)", "Created   \(job.createdAt.rfc3339)",
        ]
        if job.runAt > job.createdAt { lines.append("Due       \(job.runAt.rfc3339)") }
        if let deadline = job.deadline { lines.append("Deadline  \(deadline.rfc3339)") }
        if let endedAt = job.endedAt { lines.append("Ended     \(endedAt.rfc3339)") }
        if let original = job.replayOf { lines.append("Replays   \(original)") }
        if let replay = job.replayedAs { lines.append("Replayed  as \(replay)") }
        if let metadata = job.metadata { lines.append("Metadata  \(String(decoding: metadata, as: UTF8.self))") }
        return lines.joined(separator: "\n")
    }

    private var journal: String? {
        guard !attempts.isEmpty else { return nil }
        var table = TextTable([
            "TRY", "VERDICT", "STATUS", "KEY", "EGRESS", "FIRST BYTE", "TOOK", "TOKENS", "ERROR", "REQUEST ID",
            "MAYBE BILLED",
        ])
        for attempt in attempts {
            let took = attempt.endedAt.duration(since: attempt.startedAt)
            let firstByte = attempt.firstByteAt?.duration(since: attempt.startedAt)
            table.add([
                String(attempt.attempt), attempt.verdict, attempt.status.map(String.init) ?? "-", attempt.key ?? "-",
                attempt.egress ?? "-", firstByte.map { "\($0.microseconds / 1000)ms" } ?? "-",
                "\(took.microseconds / 1000)ms", attempt.usage.map { "\($0.input)+\($0.output)" } ?? "-",
                attempt.error ?? "-", attempt.requestID ?? "-",
                attempt.maybeBilled ? "yes" : "no",
            ])
        }
        return table.text
    }

    private var answer: String? {
        guard let result else { return nil }
        let excerpt = String(decoding: result.body.prefix(Self.excerptLimit), as: UTF8.self)
        let rest = result.body.count > Self.excerptLimit ? "…\n(\(result.body.count) bytes; all of them: --result)" : ""
        return "Result    HTTP \(result.status)\n\(excerpt)\(rest)"
    }
}
