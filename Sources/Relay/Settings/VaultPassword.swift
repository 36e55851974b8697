import ArgumentParser
import Domain
import FoundationEssentials
import Vault

/// Where the password of an encrypted configuration file is.
struct VaultPasswordOption: ParsableArguments {
    @Option(help: "The file with the password of an encrypted configuration file. [RELAY_VAULT_PASSWORD_FILE]")
    var vaultPasswordFile: String?

    /// The flag before the environment; nil if neither names a file.
    var path: String? {
        vaultPasswordFile ?? ProcessInfo.processInfo.environment["RELAY_VAULT_PASSWORD_FILE"]
    }
}

/// A file that holds the password of `ansible-vault` files and nothing else, which only its owner may read.
struct VaultPasswordFile {
    private static let limit = 4096
    let path: String

    /// Without white space at its ends, as `ansible-vault` reads it.
    /// - Throws: `configuration_locked`.
    func password() throws(RelayError) -> Secret {
        do throws(PrivateFile.Trouble) {
            let content = try PrivateFile.read(path, limit: Self.limit, allowsPrograms: false)
            let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
            let trimmed = content.drop(while: isSpace).reversed().drop(while: isSpace).reversed()
            guard !trimmed.isEmpty else { throw PrivateFile.Trouble.empty }
            return Secret(bytes: Array(trimmed))
        } catch {
            throw RelayError(
                .configurationLocked, "The password file \(path) \(error.what).", remedy: error.remedy)
        }
    }
}
