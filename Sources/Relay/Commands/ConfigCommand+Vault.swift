import ArgumentParser
import Domain
import FoundationEssentials
import Vault

extension ConfigCommand {
    struct Encrypt: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Encrypts a configuration file as ansible-vault would; the relay reads it as it is.",
            discussion: """
                The file is replaced, whole or not at all, unless --output names another; '-' is standard output. Both commands
                take and make what ansible-vault does.
                """
        )

        @OptionGroup var vaultPassword: VaultPasswordOption
        @Argument(help: "The plain file.")
        var file: String
        @Option(help: "A label for the file's first line: printable, without spaces and ';'.")
        var vaultId: String?
        @Option(name: .shortAndLong, help: "Where to instead of FILE; - for standard output.")
        var output: String?

        func run() throws {
            if let vaultId, !AnsibleVault.isLabel(vaultId) {
                throw ValidationError("--vault-id is '\(vaultId)'; allowed are printable characters but space and ';'.")
            }
            let plain = try ConfigurationText.bytes(of: file)
            guard !AnsibleVault.isSealed(plain) else {
                throw RelayError(
                    .argumentInvalid, "\(file) is encrypted already.",
                    remedy: "Decrypt it first: relay config decrypt '\(file)'.")
            }
            let password = try vaultPassword.required().password()
            try ConfigurationOutput(path: output ?? file).write(
                AnsibleVault.seal(plain, password: password, label: vaultId))
        }
    }

    struct Decrypt: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Decrypts a configuration file that relay or ansible-vault has encrypted.",
            discussion: """
                The file is replaced, with mode 600, whole or not at all, unless --output names another; '-' is standard output.
                """
        )

        @OptionGroup var vaultPassword: VaultPasswordOption
        @Argument(help: "The encrypted file.")
        var file: String
        @Option(name: .shortAndLong, help: "Where to instead of FILE; - for standard output.")
        var output: String?

        func run() throws {
            let sealed = try ConfigurationText.bytes(of: file)
            guard AnsibleVault.isSealed(sealed) else {
                throw RelayError(
                    .argumentInvalid, "\(file) is not encrypted.",
                    remedy: "Name a file that begins with $ANSIBLE_VAULT.")
            }
            let text = ConfigurationText(path: file, passwordFile: try vaultPassword.required())
            try ConfigurationOutput(path: output ?? file).write(text.open(sealed))
        }
    }
}

extension VaultPasswordOption {
    /// - Throws: `configuration_locked` if nobody named a file.
    fileprivate func required() throws(RelayError) -> VaultPasswordFile {
        guard let path else {
            throw RelayError(
                .configurationLocked, "No password file is named.",
                remedy: "Name one with --vault-password-file or RELAY_VAULT_PASSWORD_FILE.")
        }
        return VaultPasswordFile(path: path)
    }
}

/// Where a command writes a configuration file.
private struct ConfigurationOutput {
    /// `-` for standard output.
    let path: String

    func write(_ content: [UInt8]) throws(RelayError) {
        guard path != "-" else { return StandardOutput.write(content) }
        do throws(PrivateFile.Trouble) {
            try PrivateFile.replace(path, with: content)
        } catch {
            throw RelayError(.argumentInvalid, "The file \(path) \(error.what).", remedy: error.remedy)
        }
    }
}
