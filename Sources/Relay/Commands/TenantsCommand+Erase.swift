import ArgumentParser
import Domain
import Queue

extension TenantsCommand {
    struct Erase: AsyncParsableCommand {
        private static let stepLimit = 500

        static let configuration = CommandConfiguration(
            abstract: "Erases what a tenant has sent and got: its jobs' and batches' requests, results and metadata.",
            discussion: """
                Its data key is dropped, so that what was sealed (vault.encrypt_payloads) can never be read again, here or in a
                copy made from now on. Backups made before hold the key, wrapped: destroy them, or rotate the master key
                (relay vault rotate) and destroy the old one. What was not sealed is overwritten in this folder; backups keep
                it. Unfinished jobs end as canceled; lists still show that there were jobs. The tenant itself, its limits,
                tokens and webhooks stay.
                """
        )
        @OptionGroup var common: CommonOptions
        @Argument(help: "The tenant.")
        var tenant: String
        @Flag(help: "Erase without asking.")
        var yes = false
        @Flag(help: "Only show what would be erased.")
        var dryRun = false

        func run() async throws {
            let store = try await common.openStoreToChange(existing: true).store
            guard let id = TenantID(tenant), let scope = try await store.erasable(of: id) else {
                throw RelayError(
                    .tenantUnknown, "There is no tenant '\(tenant)'.",
                    remedy: "See relay tenants list for those there are.")
            }
            guard !dryRun else { return print("Would erase of '\(id)': \(scope.words).") }
            guard try yes || isConfirmed(scope, of: id) else {
                print("Nothing was erased.")
                throw ExitCode(2)
            }
            guard let erased = try await store.erase(id, at: SystemClock().now()) else { return }
            while try await store.advanceErasures(limit: Self.stepLimit, at: SystemClock().now()) > 0 {}
            print("Erased of '\(id)': \(erased.words).")
        }

        /// Asks for the tenant's name, which nobody types by mistake.
        private func isConfirmed(_ scope: ErasureScope, of id: TenantID) throws(RelayError) -> Bool {
            StandardError.write(
                "To be erased of '\(id)', for ever: \(scope.words).\nType the tenant's name to go on: ")
            guard let answer = readLine() else {
                throw RelayError(
                    .argumentInvalid, "Nobody has answered whether to erase the data of '\(id)'; nothing was erased.",
                    remedy: "Add --yes to erase without being asked.")
            }
            return answer == id.text
        }
    }
}
