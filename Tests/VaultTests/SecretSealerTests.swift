import Domain
import TestSupport
import Testing
import Vault

@Suite struct SecretSealerTests {
    @Test(arguments: ["", "sk-ant-api03-…", String(repeating: "x", count: 10_000)])
    func `what is sealed opens again, and does not contain the secret`(text: String) throws {
        try withTemporaryFolder { folder in
            let sealer = try SecretSealer(master: .load(orCreateAt: folder + "/master.key"))
            let sealed = try sealer.seal(Secret(text), for: "upstream-key:a")
            #expect(try sealer.open(sealed, for: "upstream-key:a").reveal() == text)
            #expect(try sealer.seal(Secret(text), for: "upstream-key:a") != sealed)
            #expect(text.isEmpty || !String(decoding: sealed, as: UTF8.self).contains(text))
        }
    }

    @Test func `a sealed value opens neither for another owner, nor with another master key, nor when changed`() throws
    {
        try withTemporaryFolder { folder in
            let sealer = try SecretSealer(master: .load(orCreateAt: folder + "/a.key"))
            let stranger = try SecretSealer(master: .load(orCreateAt: folder + "/b.key"))
            let sealed = try sealer.seal(Secret("secret"), for: "upstream-key:a")
            expectUnreadable { try sealer.open(sealed, for: "upstream-key:b") }
            expectUnreadable { try stranger.open(sealed, for: "upstream-key:a") }
            for index in sealed.indices {
                var changed = sealed
                changed[index] ^= 1
                expectUnreadable { try sealer.open(changed, for: "upstream-key:a") }
            }
            for count in 0..<sealed.count {
                expectUnreadable { try sealer.open(Array(sealed.prefix(count)), for: "upstream-key:a") }
            }
        }
    }

    private func expectUnreadable(_ open: () throws -> Secret) {
        let error = #expect(throws: RelayError.self) { try open() }
        #expect(error?.code == .sealedValueUnreadable)
    }
}
