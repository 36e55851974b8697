import Domain
import FoundationEssentials
import TestSupport
import Testing
import Vault

@Suite struct WebhookSecretVaultTests {
    @Test func `an endpoint's secret is random, opens for that endpoint only, and has the standard's form`() throws {
        try withTemporaryFolder { folder in
            let vault = try WebhookSecretVault(master: .load(orCreateAt: folder + "/master.key"))
            let (secret, sealed) = try vault.issue(endpoint: "whe_1")
            #expect(try vault.open(sealed, endpoint: "whe_1") == secret)
            #expect(try vault.issue(endpoint: "whe_1").secret != secret)
            #expect(throws: RelayError.self) { try vault.open(sealed, endpoint: "whe_2") }
            let text = secret.reveal()
            #expect(text.hasPrefix("whsec_"))
            #expect(Data(base64Encoded: String(text.dropFirst(6)))?.count == 32)
        }
    }

    @Test func `a tenant's shared secret is always the same and nobody else's`() throws {
        try withTemporaryFolder { folder in
            let acme = try #require(TenantID("acme"))
            let other = try #require(TenantID("other"))
            let vault = try WebhookSecretVault(master: .load(orCreateAt: folder + "/master.key"))
            let again = try WebhookSecretVault(master: .load(orCreateAt: folder + "/master.key"))
            #expect(vault.shared(by: acme) == again.shared(by: acme))
            #expect(vault.shared(by: acme) != vault.shared(by: other))
        }
    }
}
