import Domain
import FoundationEssentials
import Glibc
import Queue

/// The folder in which a relay keeps everything: queue, pacing ledger and, unless set otherwise, the master key.
struct DataFolder: Sendable {
    let path: String

    /// Makes the folder if there is none, for its owner only.
    init(preparing path: String) throws(RelayError) {
        self.path = path
        umask(0o077)  // SQLite makes its files by it
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw RelayError(
                .configurationInvalid, "The data folder \(path) cannot be made: \(error)",
                remedy: "Choose another with --data, or let this user write there.")
        }
    }

    /// A folder that holds a queue already: what only looks must not make an empty one where a path is mistyped.
    init(existing path: String) throws(RelayError) {
        guard FileManager.default.fileExists(atPath: path + "/relay.sqlite") else {
            throw RelayError(
                .argumentInvalid, "The data folder \(path) holds no queue (relay.sqlite).",
                remedy: "Name the relay's folder with --data or RELAY_DATA; relay serve makes a new one.")
        }
        try self.init(preparing: path)
    }

    var queuePath: String { path + "/relay.sqlite" }
    var pacingPath: String { path + "/pacing.sqlite" }
    /// Master keys that a key management service has wrapped.
    var wrappedKeyPath: String { path + "/master.kms" }
}
