import ArgumentParser
import Domain
import Queue

struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copies the queue to a file while the relay runs, and checks the copy.",
        discussion: """
            The copy is one instant's state: every job acknowledged before it began is in it. To restore, put it into an empty
            folder as relay.sqlite, with the master.key of this one beside it, and start the relay there. Keep master.key
            apart from backups: without it the keys and webhook secrets in them cannot be read, with it they can.
            """
    )

    @OptionGroup var common: CommonOptions
    @Argument(help: "Where to; must not exist.")
    var file: String

    func run() throws {
        let settings = try common.settings()
        let folder = try DataFolder(existing: settings.data)
        let master = try MasterKeySource(settings.masterKey, in: folder.path)
        var bar: ProgressBar?
        var shown = 0
        do {
            try SQLiteJobStore.backUp(folder.queuePath, to: file) { copied, total in
                let progress = bar ?? ProgressBar("Backup", total: max(1, total))
                bar = progress
                progress.step(copied - shown)
                shown = copied
            }
        } catch {
            throw RelayError(
                .storeUnavailable, "The backup failed: \(error).",
                remedy: "Check the space at \(file) and the queue with relay doctor.")
        }
        print(
            "The queue is copied to \(file) and checked. Its keys open only with the master key \(master.text): keep that too."
        )
    }
}
