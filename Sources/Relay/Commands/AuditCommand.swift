import ArgumentParser
import Domain
import Queue
import Vault

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Who did what to keys, tokens, tenants, webhooks, dead letters and ways out.",
        discussion: """
            Lines are only ever added, each sealed together with those before it under a key derived from the master key.
              relay audit list
              relay audit verify                       # prints the head; keep it elsewhere
              relay audit verify --head 42:9f86d0…     # also finds lines that were cut off the end
            """,
        subcommands: [List.self, Verify.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists what was done, newest first.")
        @OptionGroup var common: CommonOptions
        @Option(help: "Only lines before this number, to page on.")
        var before: Int64?
        @Option(help: "How many, 1 to 1000.")
        var limit = 50

        func run() async throws {
            let entries = try await common.openStore().latestAudit(before: before, limit: limit)
            var table = TextTable(["NO", "WHEN", "WHO", "ACTION", "WHAT", "DETAIL"])
            for entry in entries {
                table.add([
                    String(entry.sequence), entry.at.rfc3339, "\(entry.actor.kind.rawValue):\(entry.actor.name)",
                    entry.action, entry.subject, entry.detail,
                ])
            }
            print(entries.isEmpty ? "Nothing was recorded." : table.text)
            if let last = entries.last, last.sequence > 1 { print("More: add --before \(last.sequence)") }
        }
    }

    struct Verify: AsyncParsableCommand {
        private static let piece = 1000
        static let configuration = CommandConfiguration(
            abstract: "Checks each line's seal, from the first to the last. Exits with 1 if the chain does not hold.")
        @OptionGroup var common: CommonOptions
        @Option(help: "NUMBER:SEAL as an earlier check has printed it: the log must hold that line unchanged.")
        var head: String?

        func run() async throws {
            let known = try head.map(Self.head)
            let (store, keyring) = try await common.openStoreToChange(existing: true)
            let sealer = AuditChain(root: keyring.shared.root)
            var check = AuditCheck()
            var knownSeal: String?
            do {
                while true {
                    let entries = try await store.auditTrail(after: check.count, limit: Self.piece)
                    guard !entries.isEmpty else { break }
                    for entry in entries {
                        try check.take(entry, by: sealer)
                        if entry.sequence == known?.sequence { knownSeal = Hex.text(entry.seal) }
                    }
                }
            } catch let problem as AuditCheck.Problem {
                throw Self.error(problem)
            }
            guard known?.seal == knownSeal else {
                throw RelayError(
                    .auditBroken, "The log does not hold line \(known?.sequence ?? 0) as the head says.",
                    remedy: "Compare it with a backup: lines were cut off or replaced.")
            }
            print("\(check.count) lines, the chain holds. Head: \(check.count):\(Hex.text(check.head))")
        }

        private static func error(_ problem: AuditCheck.Problem) -> RelayError {
            let remedy = "Compare the log with a backup; somebody or something has changed it."
            return switch problem {
            case .gap(let expected, let met):
                RelayError(.auditBroken, "Line \(expected) is missing; the next one is \(met).", remedy: remedy)
            case .brokenSeal(let sequence):
                RelayError(.auditBroken, "The seal of line \(sequence) does not hold.", remedy: remedy)
            }
        }

        private static func head(_ text: String) throws -> (sequence: Int64, seal: String) {
            let parts = text.split(separator: ":")
            guard parts.count == 2, let sequence = Int64(parts[0]), sequence > 0 else {
                throw ValidationError("--head is '\(text)'; allowed is NUMBER:SEAL as relay audit verify prints it.")
            }
            return (sequence, String(parts[1]))
        }
    }
}
