import ArgumentParser
import Domain
import Queue

extension WebhooksCommand {
    struct Deliveries: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists what was sent or is still to be sent, newest first.")
        @OptionGroup var common: CommonOptions
        @Option(help: "Only this tenant's.")
        var tenant: String?
        @Option(help: "Only those to this endpoint (whe_…).")
        var endpoint: String?
        @Option(help: "Only those of this job (job_…).")
        var job: String?
        @Option(help: "Only those that are \(DeliveryState.allCases.map(\.rawValue).joined(separator: ", ")).")
        var status: String?
        @Option(help: "Only those since: a time such as 2026-11-23T14:05:09Z, or how long ago, such as 2h.")
        var since: String?
        @Option(help: "Only those older than this one, to page on.")
        var after: String?
        @Option(help: "How many, 1 to 1000.")
        var limit = 20

        func run() async throws {
            var query = DeliveryQuery(tenant: try tenant.map(WebhooksCommand.tenant), limit: limit)
            query.endpoint = endpoint
            query.job = try job.map { try JobFilter.parsed($0, as: JobID.init, what: "job id") }
            query.state = try status.map { try JobFilter.parsed($0, as: DeliveryState.init, what: "state") }
            query.since = try since.map { try JobFilter.parsed($0, as: JobFilter.time, what: "time") }
            query.after = after
            let page = try await common.openStore().deliveries(query)
            var table = TextTable(["DELIVERY", "EVENT", "STATE", "TRIES", "STATUS", "CREATED", "TO", "ERROR"])
            for delivery in page.records {
                table.add([
                    delivery.id, delivery.event.rawValue, delivery.state.rawValue, String(delivery.attempts),
                    delivery.status.map(String.init) ?? "-", delivery.createdAt.rfc3339,
                    delivery.endpoint ?? delivery.url, delivery.error ?? "",
                ])
            }
            print(page.records.isEmpty ? "No such deliveries." : table.text)
            if let next = page.next { print("More: add --after \(next)") }
        }
    }

    struct Delivery: AsyncParsableCommand {
        private static let excerptLimit = 400
        static let configuration = CommandConfiguration(
            abstract: "Shows one delivery and each attempt at it, with what the receiver answered.")
        @OptionGroup var common: CommonOptions
        @Argument(help: "The delivery's id (evt_…), which receivers know as webhook-id.")
        var id: String

        func run() async throws {
            guard let found = try await common.openStoreToRead().delivery(id, of: nil) else {
                throw WebhooksCommand.unknownDelivery(id)
            }
            print(Self.facts(found.record))
            guard !found.attempts.isEmpty else { return }
            var table = TextTable(["TRY", "STARTED", "TOOK", "STATUS", "ERROR", "ANSWER"])
            for attempt in found.attempts {
                let took = attempt.endedAt.duration(since: attempt.startedAt).microseconds / 1000
                table.add([
                    String(attempt.attempt), attempt.startedAt.rfc3339, "\(took)ms",
                    attempt.status.map(String.init) ?? "-", attempt.error ?? "-", Self.excerpt(attempt.answer),
                ])
            }
            print("\n" + table.text)
        }

        private static func facts(_ delivery: DeliveryRecord) -> String {
            var lines = [
                "Delivery  \(delivery.id)", "Tenant    \(delivery.tenant)", "Event     \(delivery.event.rawValue)",
                "URL       \(delivery.url)", "State     \(delivery.state.rawValue)",
                "Created   \(delivery.createdAt.rfc3339)",
            ]
            if let endpoint = delivery.endpoint { lines.append("Endpoint  \(endpoint)") }
            if let job = delivery.job { lines.append("Job       \(job)") }
            if let dueAt = delivery.dueAt { lines.append("Due       \(dueAt.rfc3339)") }
            if let endedAt = delivery.endedAt { lines.append("Ended     \(endedAt.rfc3339)") }
            return lines.joined(separator: "\n")
        }

        /// One line of it, without what would move a terminal's cursor.
        private static func excerpt(_ answer: [UInt8]) -> String {
            let text = String(decoding: answer.prefix(excerptLimit), as: UTF8.self)
            return String(text.map { $0.isNewline || ($0.asciiValue ?? 32) < 32 ? " " : $0 })
        }
    }

    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sends a test event to an endpoint, whatever it listens to.")
        @OptionGroup var common: CommonOptions
        @Argument(help: "The endpoint's id (whe_…).")
        var id: String

        func run() async throws {
            let store = try await common.openStoreToChange(existing: true).store
            guard
                let delivery = try await store.postTest(
                    WebhookEndpoint.testData(of: id), to: id, of: nil, at: SystemClock().now())
            else { throw WebhooksCommand.unknown(id) }
            print("\(delivery) is on its way if a relay is running. See: relay webhooks delivery \(delivery)")
        }
    }

    struct Redeliver: AsyncParsableCommand {
        private static let piece = 500
        static let configuration = CommandConfiguration(
            abstract: "Sends deliveries once more, with the same ids: one, or all that failed since a time.",
            discussion: """
                  relay webhooks redeliver evt_0123…
                  relay webhooks redeliver --tenant acme --since 2h
                  relay webhooks redeliver --endpoint whe_0123… --since 2026-11-23T14:00:00Z
                """)
        @OptionGroup var common: CommonOptions
        @Argument(help: "The deliveries' ids (evt_…).")
        var ids: [String] = []
        @Option(help: "All that failed since then: a time, or how long ago, such as 2h.")
        var since: String?
        @Option(help: "With --since: only this tenant's.")
        var tenant: String?
        @Option(help: "With --since: only those to this endpoint.")
        var endpoint: String?

        func run() async throws {
            let store = try await common.openStoreToChange(existing: true).store
            guard let since else {
                guard !ids.isEmpty else { throw ValidationError("Name deliveries' ids, or a time with --since.") }
                for id in ids { try await redeliver(id, in: store) }
                return
            }
            guard ids.isEmpty else { throw ValidationError("Ids and --since exclude each other.") }
            let begin = try JobFilter.parsed(since, as: JobFilter.time, what: "time")
            try await redeliverFailed(since: begin, in: store)
        }

        private func redeliver(_ id: String, in store: SQLiteJobStore) async throws {
            switch try await store.redeliver(id, of: nil, at: SystemClock().now()) {
            case .sent(let record): print("\(record.id)  is due again: \(record.event.rawValue) to \(record.url)")
            case .notSendable(let record): throw record.notSendable
            case .unknown: throw WebhooksCommand.unknownDelivery(id)
            }
        }

        private func redeliverFailed(since begin: Timestamp, in store: SQLiteJobStore) async throws {
            let (tenant, now) = (try tenant.map(WebhooksCommand.tenant), SystemClock().now())
            if let endpoint {
                let found = try await WebhooksCommand.found(endpoint, in: store)
                guard found.status != .disabled else { throw found.notSendable }
            }
            var count = 0
            while true {
                let moved = try await store.redeliverFailed(
                    endpoint: endpoint, of: tenant, since: begin, limit: Self.piece, at: now)
                guard moved > 0 else { break }
                count += moved
                StandardError.line("\(count) due again …")
            }
            print(count == 0 ? "Nothing failed since then." : "\(count) deliveries are due again.")
        }
    }

    fileprivate static func unknownDelivery(_ id: String) -> RelayError {
        RelayError(
            .deliveryUnknown, "There is no delivery '\(id)' in this data folder.",
            remedy: "See relay webhooks deliveries.")
    }
}
