import Domain
import FoundationEssentials
import Testing

@testable import Vault

struct SigningKeyTests {
    private static func bytes(hex: String) -> [UInt8] {
        stride(from: 0, to: hex.count, by: 2).compactMap { offset in
            UInt8(hex.dropFirst(offset).prefix(2), radix: 16)
        }
    }

    private static func key(seed: String, publicKey: String) -> SigningKey? {
        SigningKey(Secret("whsk_" + Data(bytes(hex: seed) + bytes(hex: publicKey)).base64EncodedString()))
    }

    /// RFC 8032, section 7.1, tests 1 and 2.
    @Test(arguments: [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
                + "d25bf5f0595bbe24655141438e7a100b"
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
                + "387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ])
    func `signatures are those of the RFC`(
        _ seed: String, _ publicKey: String, _ message: String, _ signature: String
    ) throws {
        let key = try #require(Self.key(seed: seed, publicKey: publicKey))
        #expect(key.signature(of: Self.bytes(hex: message)) == Self.bytes(hex: signature))
    }

    @Test func `a new one is of its own, and its text makes it again`() throws {
        let key = try #require(SigningKey.random())
        let again = try #require(SigningKey(key.text))
        #expect(again.publicText == key.publicText)
        #expect(again.signature(of: [1, 2]) == key.signature(of: [1, 2]))
        #expect(SigningKey.random()?.publicText != key.publicText)
        #expect("\(key)" == "[signing key]")
    }

    @Test func `halves that do not belong together, and other forms, make no key`() throws {
        let (one, two) = try (#require(SigningKey.random()), #require(SigningKey.random()))
        let bytes = try [one, two].map { key in
            Array(try #require(Data(base64Encoded: String(key.text.reveal().dropFirst(5)))))
        }
        let mixed = Data(bytes[0].prefix(32) + bytes[1].suffix(32)).base64EncodedString()
        for text in ["whsk_" + mixed, "whsk_", "whsk_AAEC", String(one.text.reveal().dropFirst(5)), one.publicText] {
            let key = SigningKey(Secret(text))
            #expect(key == nil, "\(text)")
        }
    }
}
