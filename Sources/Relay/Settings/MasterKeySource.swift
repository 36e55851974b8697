import Domain
import FoundationEssentials

/// Where the master key is: `vault.master_key`.
enum MasterKeySource: Hashable, Sendable {
    case file(String)
    /// A file of `$CREDENTIALS_DIRECTORY`, which systemd fills.
    case credential(String)
    /// Wrapped by a key of AWS KMS, in the data folder's `master.kms`.
    case kms(String)

    /// - Parameter data: the data folder, for an empty text.
    /// - Throws: `configuration_invalid`.
    init(_ text: String, in data: String) throws(RelayError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        switch (parts.first, parts.last) {
        case _ where text.isEmpty: self = .file(data + "/master.key")
        case ("file", let path?) where parts.count == 2 && !path.isEmpty: self = .file(path)
        case ("credential", let name?) where parts.count == 2 && Self.isCredential(name): self = .credential(name)
        case ("kms", let key?) where parts.count == 2 && Self.isKeyID(key): self = .kms(key)
        default:
            throw RelayError(
                .configurationInvalid,
                "vault.master_key is '\(text)'; allowed are file:PATH, credential:NAME and kms:KEY-ID.",
                remedy: "Correct it and start again.")
        }
    }

    /// As it is written in the configuration.
    var text: String {
        switch self {
        case .file(let path): "file:\(path)"
        case .credential(let name): "credential:\(name)"
        case .kms(let key): "kms:\(key)"
        }
    }

    private static func isCredential(_ name: String) -> Bool {
        !name.isEmpty && !name.contains("/") && name != "." && name != ".."
    }

    private static func isKeyID(_ key: String) -> Bool {
        (1...2048).contains(key.utf8.count) && key.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x22 }
    }
}
