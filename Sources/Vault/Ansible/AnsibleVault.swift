package import Domain

/// Files of `ansible-vault`, versions 1.1 and 1.2: AES-256-CTR and HMAC-SHA-256 under keys made from a password.
package enum AnsibleVault {
    /// Why a file does not open. None of it holds a secret.
    package enum Refusal: Error, Hashable, Sendable {
        /// Another version or cipher than is understood.
        case unsupported(String)
        case damaged(String)
        /// What a wrong password and a changed file have in common.
        case doesNotOpen
        /// libcrypto gave no randomness or memory.
        case noResources
    }

    /// Whether `file` says that it is one of them, whatever comes after.
    package static func isSealed(_ file: [UInt8]) -> Bool {
        file.starts(with: AnsibleVaultFile.mark)
    }

    /// The plain content of `file`. Nothing is decrypted before its HMAC is right.
    package static func open(_ file: [UInt8], password: Secret) throws(Refusal) -> [UInt8] {
        let file = try AnsibleVaultFile(parsing: file)
        guard let keys = AnsibleVaultKeys(password: password, salt: file.salt) else { throw .noResources }
        return try file.open(with: keys)
    }

    /// `plain` as a file that `ansible-vault` reads.
    /// - Parameter label: the vault id; without one, and with `default`, the file is of version 1.1.
    package static func seal(_ plain: [UInt8], password: Secret, label: String? = nil) throws(Refusal) -> [UInt8] {
        guard let salt = SymmetricKey.randomBytes(32), let keys = AnsibleVaultKeys(password: password, salt: salt),
            let file = AnsibleVaultFile(sealing: plain, with: keys, salt: salt, label: label)
        else { throw .noResources }
        return file.text
    }

    /// Whether `label` can stand in a file's header.
    package static func isLabel(_ label: String) -> Bool {
        (1...128).contains(label.utf8.count) && label.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x3B }
    }
}
