import ArgumentParser
import Domain
import Queue

extension TenantsCommand {
    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sets a tenant's share of the workers, its limits and its budgets.",
            discussion: """
                A running relay follows within a second. Limits and budgets that are not given stay; 'none' removes one.
                While several tenants have due jobs, they take turns: one of weight 3 gets three jobs for every one of weight 1.
                --weight and --max-running are one setting: of the two, what is not given goes back to its default.
                Budgets are for calendar days and months, UTC.
                """
        )
        @OptionGroup var common: CommonOptions
        @Argument(help: "The tenant: \(Identifier.rule).")
        var tenant: String
        @Option(help: "Its weight, \(TenantShare.weights.lowerBound) to \(TenantShare.weights.upperBound).")
        var weight: Int?
        @Option(help: "Jobs of it that run at the same time at most; unlimited if not given.")
        var maxRunning: Int?
        @Option(help: "Requests a second at the API.")
        var rps: String?
        @Option(help: "Synchronous calls at the same time.")
        var concurrency: String?
        @Option(help: "Jobs that wait at the same time.")
        var queued: String?
        @Option(help: "Bytes of a request's body, such as 1MiB.")
        var body: String?
        @Option(help: "Models that it may call, separated by commas; a * at the end stands for any rest.")
        var models: String?
        @Option(help: "Tokens of all kinds a day.")
        var tokensPerDay: String?
        @Option(help: "Tokens of all kinds a month.")
        var tokensPerMonth: String?
        @Option(help: "US dollars a day.")
        var usdPerDay: String?
        @Option(help: "US dollars a month.")
        var usdPerMonth: String?

        func run() async throws {
            guard let id = TenantID(tenant) else {
                throw ValidationError("'\(tenant)' cannot be a tenant; allowed are \(Identifier.rule).")
            }
            let store = try await common.openStoreToChange().store  // a share may be set before the first start
            let changes = changes.filter { $0.text != nil }
            for change in changes { try change.check() }
            if weight != nil || maxRunning != nil || changes.isEmpty { try await setShare(of: id, in: store) }
            guard !changes.isEmpty else { return }
            let limits = try await store.changeLimits(of: id, at: SystemClock().now()) { limits in
                for change in changes { _ = change.apply(to: &limits) }
            }
            print("Tenant '\(id)' has \(limits.words).")
        }

        private func setShare(of id: TenantID, in store: SQLiteJobStore) async throws {
            let share = TenantShare(tenant: id, weight: weight ?? TenantShare.normalWeight, maxRunning: maxRunning)
            guard let share else {
                throw ValidationError(
                    "--weight is \(weight.map(String.init) ?? "not given") and --max-running "
                        + "\(maxRunning.map(String.init) ?? "not given"); allowed are "
                        + "\(TenantShare.weights.lowerBound) to \(TenantShare.weights.upperBound), and 1 or more.")
            }
            try await store.setShare(share)
            let limit = maxRunning.map { "at most \($0) running" } ?? "no limit"
            print("Tenant '\(id)' has weight \(share.weight), \(limit).")
        }

        /// One option that may have been given.
        private struct Change: Sendable {
            let field: TenantLimitField
            let option: String
            let text: String?

            /// - Returns: whether it is allowed.
            func apply(to limits: inout TenantLimits) -> Bool {
                field.set(text == "none" ? nil : text, in: &limits)
            }

            func check() throws {
                var probe = TenantLimits.none
                guard apply(to: &probe) else {
                    throw ValidationError("\(option) is '\(text ?? "")'; allowed are none, or \(field.rule).")
                }
            }
        }

        private var changes: [Change] {
            [
                Change(field: .requestsPerSecond, option: "--rps", text: rps),
                Change(field: .concurrency, option: "--concurrency", text: concurrency),
                Change(field: .queuedJobs, option: "--queued", text: queued),
                // What is no size stays as it was met, for the refusal.
                Change(
                    field: .bodyBytes, option: "--body",
                    text: body.map { SizeText.parse($0).map(String.init) ?? $0 }),
                Change(field: .models, option: "--models", text: models),
                Change(field: .tokensPerDay, option: "--tokens-per-day", text: tokensPerDay),
                Change(field: .tokensPerMonth, option: "--tokens-per-month", text: tokensPerMonth),
                Change(field: .moneyPerDay, option: "--usd-per-day", text: usdPerDay),
                Change(field: .moneyPerMonth, option: "--usd-per-month", text: usdPerMonth),
            ]
        }
    }
}
