import Domain
import TestSupport
import Testing

@testable import Vault

@Suite struct KeyringTests {
    private func master() throws -> MasterKey {
        MasterKey(try #require(SymmetricKey.random()))
    }

    @Test func `a keyring opens with each master key that it is sealed for, and is the same one`() throws {
        let (first, second) = (try master(), try master())
        let keyring = try Keyring(foundedOn: first).renewed()
        let sealed = try SealedKeyring(keyring, for: [(first, "file:a"), (second, "kms:b")])
        for key in [first, second] {
            let opened = try SealedKeyring(bytes: sealed.bytes).open(with: key, from: "here")
            #expect(opened.names == keyring.names && opened.root.fingerprint == first.fingerprint)
        }
        #expect(sealed.masters.map(\.source) == ["file:a", "kms:b"])
    }

    @Test func `another master key is refused, naming the one that is wanted`() throws {
        let (right, wrong) = (try master(), try master())
        let sealed = try SealedKeyring(Keyring(foundedOn: right), for: [(right, "file:/safe/master.key")])
        let error = #expect(throws: RelayError.self) { try sealed.open(with: wrong, from: "file:other") }
        #expect(error?.code == .masterKeyMismatch)
        #expect(error?.message.contains("\(right.fingerprint), last seen as file:/safe/master.key") == true)
    }

    @Test func `a keyring that was changed anywhere never opens as another one`() throws {
        let master = try master()
        let keyring = Keyring(foundedOn: master)
        let bytes = try SealedKeyring(keyring, for: [(master, "file:a")]).bytes
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1
            do throws(RelayError) {
                let opened = try SealedKeyring(bytes: changed).open(with: master, from: "file:a")
                #expect(opened.names == keyring.names && opened.root.fingerprint == master.fingerprint)
            } catch {
                #expect([.sealedValueUnreadable, .masterKeyMismatch].contains(error.code))
            }
        }
    }

    @Test func `after a rotation new secrets have the new key, old ones still open, and retired keys open nothing`()
        throws
    {
        let shared = SharedKeyring(Keyring(foundedOn: try master()))
        let sealer = SecretSealer(keyring: shared)
        let old = try sealer.seal(Secret("one"), for: "a")
        #expect(sealer.isCurrent(old))
        let renewed = try shared.keyring.renewed()
        shared.adopt(renewed, revision: 2)
        let new = try sealer.seal(Secret("two"), for: "a")
        #expect(!sealer.isCurrent(old) && sealer.isCurrent(new))
        #expect(try sealer.open(old, for: "a") == Secret("one"))
        #expect(try sealer.open(new, for: "a") == Secret("two"))
        shared.adopt(renewed.withoutRetired, revision: 3)  // what this process knew it keeps
        #expect(try sealer.open(old, for: "a") == Secret("one") && sealer.isCurrent(new))
        let fresh = SecretSealer(keyring: SharedKeyring(renewed.withoutRetired))
        #expect(throws: RelayError.self) { try fresh.open(old, for: "a") }
        #expect(try fresh.open(new, for: "a") == Secret("two"))
    }

    @Test func `tokens and shared webhook secrets stay good when every other key is changed`() throws {
        let first = try master()
        let rotated = try Keyring(foundedOn: first).renewed().withoutRetired
        let tenant = try #require(TenantID("acme"))
        #expect(
            WebhookSecretVault(keyring: SharedKeyring(rotated)).shared(by: tenant)
                == WebhookSecretVault(master: first).shared(by: tenant))
        #expect(rotated.root.fingerprint == first.fingerprint)
    }

    @Test func `a secret of version 1, from before keyrings, opens with the keyring founded on its master key`() throws
    {
        let master = try master()
        let context = Array("upstream-key:a".utf8)
        let dataKey = try #require(SymmetricKey.random())
        let wrapping = AuthenticatedCipher(key: master.derived(for: "wrap-data-keys"))
        let wrapped = try #require(wrapping.seal(dataKey.bytes, context: context))
        let box = try #require(AuthenticatedCipher(key: dataKey).seal(Array("secret".utf8), context: context))
        let sealer = SecretSealer(keyring: SharedKeyring(try Keyring(foundedOn: master).renewed()))
        #expect(try sealer.open([1] + wrapped + box, for: "upstream-key:a") == Secret("secret"))
        #expect(!sealer.isCurrent([1] + wrapped + box))
    }

    @Test func `keys and keyrings do not print`() throws {
        let master = try master()
        let hex = Hex.text(master.key.bytes)
        #expect(!"\(master)".contains(hex) && !"\(Keyring(foundedOn: master))".contains(hex))
        #expect(!String(reflecting: Keyring(foundedOn: master)).contains("bytes"))
    }
}
