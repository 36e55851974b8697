import Domain
import FoundationEssentials
import TestSupport
import Testing
import Vault

@Suite struct WebhookSecretVaultTests {
    @Test func `an endpoint's secret is random, opens for that endpoint only, and has the standard's form`() throws {
        try withTemporaryFolder { folder in
            let vault = try WebhookSecretVault(master: .load(orCreateAt: folder + "/master.key"))
            let issued = try vault.issue(endpoint: "whe_1")
            let opened = try vault.open(issued.sealed, endpoint: "whe_1")
            #expect(opened.secret == issued.secret && opened.publicKey == issued.publicKey)
            #expect(try vault.issue(endpoint: "whe_1").secret != issued.secret)
            #expect(throws: RelayError.self) { try vault.open(issued.sealed, endpoint: "whe_2") }
            let text = issued.secret.reveal()
            #expect(text.hasPrefix("whsec_"))
            #expect(Data(base64Encoded: String(text.dropFirst(6)))?.count == 32)
            let pair = try #require(opened.privateKey.flatMap { SigningKey($0) })
            #expect(pair.publicText == issued.publicKey && issued.publicKey.hasPrefix("whpk_"))
        }
    }

    @Test func `a secret sealed before there were key pairs opens without one`() throws {
        try withTemporaryFolder { folder in
            let master = try MasterKey.load(orCreateAt: folder + "/master.key")
            let sealed = try SecretSealer(master: master).seal(Secret("whsec_AAEC"), for: "webhook-endpoint:whe_1")
            let opened = try WebhookSecretVault(master: master).open(sealed, endpoint: "whe_1")
            #expect(opened == WebhookKeys(secret: Secret("whsec_AAEC")))
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
