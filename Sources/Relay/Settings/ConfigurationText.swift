import Domain
import FoundationEssentials
import Vault

/// What a configuration file says, whether it is plain or a file of `ansible-vault`.
struct ConfigurationText {
    /// In bytes; an encrypted file is four times as large as what it holds.
    private static let limit = 8 * 1024 * 1024
    let path: String
    /// nil if nobody named one.
    let passwordFile: VaultPasswordFile?

    /// - Throws: `configuration_invalid` if the file cannot be read or is damaged, `configuration_locked` if it is
    ///   encrypted and does not open.
    func read() throws(RelayError) -> String {
        let file = try Self.bytes(of: path)
        let plain = AnsibleVault.isSealed(file) ? try open(file) : file
        guard let text = String(validating: plain, as: UTF8.self) else {
            throw RelayError(
                .configurationInvalid, "The configuration file \(path) is not UTF-8.", remedy: "Correct its encoding.")
        }
        return text
    }

    /// The plain content of the encrypted `file`.
    func open(_ file: [UInt8]) throws(RelayError) -> [UInt8] {
        guard let passwordFile else {
            throw RelayError(
                .configurationLocked, "The configuration file \(path) is encrypted, and no password file is named.",
                remedy: "Name one with --vault-password-file or RELAY_VAULT_PASSWORD_FILE.")
        }
        let password = try passwordFile.password()
        do throws(AnsibleVault.Refusal) {
            return try AnsibleVault.open(file, password: password)
        } catch {
            throw refusal(error, password: passwordFile.path)
        }
    }

    /// The file as it is.
    static func bytes(of path: String) throws(RelayError) -> [UInt8] {
        guard let data = try? Data(contentsOf: URL(filePath: path)) else {
            throw RelayError(
                .configurationInvalid, "The configuration file \(path) cannot be read.",
                remedy: "Check its name and permissions.")
        }
        guard data.count <= limit else {
            throw RelayError(
                .configurationInvalid, "The configuration file \(path) is larger than 8 MiB.",
                remedy: "Check that it is the right file.")
        }
        return Array(data)
    }

    private func refusal(_ refusal: AnsibleVault.Refusal, password: String) -> RelayError {
        switch refusal {
        case .doesNotOpen:
            RelayError(
                .configurationLocked,
                "The configuration file \(path) does not open with the password in \(password): it is another "
                    + "password's, or the file was changed.",
                remedy: "Name the right password file, or restore the file from a backup.")
        case .damaged(let what):
            RelayError(
                .configurationInvalid, "The encrypted configuration file \(path) is damaged: \(what).",
                remedy: "Restore it from a backup, or encrypt it anew.")
        case .unsupported(let what):
            RelayError(
                .configurationInvalid,
                "The encrypted configuration file \(path) has \(what); allowed are versions 1.1 and 1.2 with AES256.",
                remedy: "Encrypt it anew with relay config encrypt or a current ansible-vault.")
        case .noResources:
            RelayError(
                .internalFault, "The configuration file \(path) could not be decrypted.",
                remedy: "Check the system's memory.")
        }
    }
}
