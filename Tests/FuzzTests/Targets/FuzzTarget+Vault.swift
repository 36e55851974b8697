import Domain

#if !LIBFUZZER
    @testable import Vault
#endif

extension FuzzTarget {
    /// Files of `ansible-vault`: whatever is read, nothing opens but what was sealed with the password.
    static let ansibleVault = FuzzTarget(
        name: "ansible-vault", seeds: vaultSeeds,
        words: [
            "$ANSIBLE_VAULT", ";1.1;", ";1.2;", "AES256", ";", "\n", "\r\n", "0a", "0A", "30", "", "g", "\u{0}", "é",
            "3330", ";default", "\n\n",
        ]
    ) { input in
        do throws(AnsibleVault.Refusal) {
            let file = try AnsibleVaultFile(parsing: input)
            guard let keys = vaultKeys else { return "no keys" }
            let plain = try file.open(with: keys)
            return plain == vaultPlain ? nil : "another text opens: \(plain)"
        } catch {
            return nil
        }
    }

    private static let vaultPlain = Array("listen: 127.0.0.1:8787\n".utf8)
    private static let vaultSalt = [UInt8](0..<32)
    /// Made once: it takes 10,000 rounds.
    private static let vaultKeys = AnsibleVaultKeys(password: Secret("correct horse"), salt: vaultSalt)

    private static var vaultSeeds: [String] {
        [nil, "prod"].compactMap { label in
            guard let keys = vaultKeys,
                let file = AnsibleVaultFile(sealing: vaultPlain, with: keys, salt: vaultSalt, label: label)
            else { return nil }
            return String(decoding: file.text, as: UTF8.self)
        }
    }
}
