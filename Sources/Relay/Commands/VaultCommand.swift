import ArgumentParser
import Domain
import Queue
import Vault

struct VaultCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vault",
        abstract: "The keys that the store's secrets are sealed with.",
        subcommands: [Status.self, Rotate.self, Rewrap.self]
    )

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows which master keys open the store, and how many secrets each of its keys seals.")
        @OptionGroup var common: CommonOptions

        func run() async throws {
            let keeper = try await common.openKeeper()
            print("Master key: \(keeper.locker.source.text), \(keeper.master.fingerprint)")
            print("Opens with: \(try SealedKeyring(bytes: keeper.stored.sealed).words)")
            print("Keyring: revision \(keeper.stored.revision), keys \(keeper.words)")
            let (current, others) = try await keeper.count()
            print("Secrets: \(current) under the current key, \(others) under older ones")
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Gives the store a new master key and a new sealing key, and wraps every secret anew.",
            discussion: """
                Works while relays run: they learn the new keys before anything is sealed with them. Tokens and tenants' webhook
                secrets stay good. A systemd credential cannot be written: it stays, and only the sealing key is new; to replace
                it, give the service another credential and use relay vault rewrap. Backups made earlier open only with the
                master key of their time. A rotation that was broken off is ended by the next one.
                """
        )
        /// For running relays to learn new keys, so that they open what is wrapped by them. They look once a second.
        private static let pause = Duration.seconds(3)

        @OptionGroup var common: CommonOptions

        func run() async throws {
            let lock = try KeyChangeLock(of: DataFolder(existing: common.settings().data))
            defer { withExtendedLifetime(lock) {} }
            var keeper = try await common.openKeeper()
            let (locker, old) = (keeper.locker, keeper.master)
            let next = try await locker.prepareNext() ?? old
            keeper = try await keeper.replace(
                with: keeper.keyring.renewed(), for: [(old, locker.source.text), (next, locker.source.text)],
                master: next)
            try locker.publishNext()
            let count = try await keeper.retireOldKeys { try await Task.sleep(for: Self.pause) }
            try locker.retireOthers(than: next)
            print("\(count) secrets wrapped anew. Master key: \(locker.source.text), \(next.fingerprint).")
        }
    }

    struct Rewrap: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lets another master key open the store, or none but the configured one.",
            discussion: """
                Three steps move a store to another kind of master key:
                  relay vault rewrap --to kms:alias/relay     # both open it now
                  set vault.master_key: kms:alias/relay in the configuration, restart every relay
                  relay vault rewrap                          # the configured one alone opens it
                Then remove the old one.
                """
        )
        @OptionGroup var common: CommonOptions
        @Option(help: "file:PATH, credential:NAME or kms:KEY-ID; made if there is none, but for a credential.")
        var to: String?

        func run() async throws {
            let lock = try KeyChangeLock(of: DataFolder(existing: common.settings().data))
            defer { withExtendedLifetime(lock) {} }
            let keeper = try await common.openKeeper()
            let own = (key: keeper.master, source: keeper.locker.source.text)
            guard let to else {
                _ = try await keeper.replace(with: keeper.keyring, for: [own])
                return print("The store opens with \(own.source), \(own.key.fingerprint), alone.")
            }
            let settings = try common.settings()
            let locker = try keeper.locker.folder.locker(to, settings)
            let other = (key: try await locker.findOrMake(), source: locker.source.text)
            _ = try await keeper.replace(with: keeper.keyring, for: [own, other])
            print(
                "The store opens with \(own.source) and with \(other.source), \(other.key.fingerprint). "
                    + "Set vault.master_key: \(other.source), restart every relay, then run: relay vault rewrap")
        }
    }
}

extension CommonOptions {
    /// The keyring of the data folder that the options name; there must be one.
    fileprivate func openKeeper() async throws -> KeyringKeeper {
        let settings = try settings()
        let folder = try DataFolder(existing: settings.data)
        return try await folder.openKeyring(of: folder.openStore(settings), settings)
    }
}

extension KeyringKeeper {
    fileprivate var words: String {
        keyring.names.map { "\($0)" }.joined(separator: ", ")
    }
}
