import Domain
import FoundationEssentials
import Vault

/// The data folder's `master.kms`: master keys as only a key management service can open them. Useless without it.
struct WrappedKeyFile {
    struct Entry: Codable, Hashable {
        let key_id: String
        let region: String
        /// The name of the master key, to open no other than the one that is wanted.
        let fingerprint: String
        let ciphertext: Data
    }

    let path: String

    /// Newest last; empty if there is no file.
    func entries() throws(RelayError) -> [Entry] {
        let content: [UInt8]
        do throws(PrivateFile.Trouble) {
            content = try PrivateFile.read(path, limit: 1 << 20)
        } catch {
            if error.isMissing { return [] }
            throw RelayError(.masterKeyUnusable, "The file \(path) \(error.what).", remedy: error.remedy)
        }
        guard let entries = try? JSONDecoder().decode([Entry].self, from: Data(content)) else {
            throw RelayError(
                .masterKeyUnusable, "The file \(path) is damaged.", remedy: "Restore it from a backup.")
        }
        return entries
    }

    func write(_ entries: [Entry]) throws(RelayError) {
        try put(entries) { content throws(PrivateFile.Trouble) in try PrivateFile.replace(path, with: content) }
    }

    /// Returns whether there was no file before; if there was, it stays.
    func create(_ entries: [Entry]) throws(RelayError) -> Bool {
        try put(entries) { content throws(PrivateFile.Trouble) in try PrivateFile.create(path, with: content) }
    }

    private func put<Outcome>(
        _ entries: [Entry], _ body: ([UInt8]) throws(PrivateFile.Trouble) -> Outcome
    ) throws(RelayError) -> Outcome {
        let content = (try? JSONEncoder().encode(entries)).map(Array.init) ?? []
        do throws(PrivateFile.Trouble) {
            return try body(content)
        } catch {
            throw RelayError(.masterKeyUnusable, "The file \(path) \(error.what).", remedy: error.remedy)
        }
    }
}
