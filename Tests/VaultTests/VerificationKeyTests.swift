import Domain
import Testing

@testable import Vault

struct VerificationKeyTests {
    @Test(arguments: [
        (TokenAlgorithm.rs256, RFCExample.rs256), (.es256, RFCExample.es256), (.edDSA, RFCExample.edDSA),
    ])
    func `the examples of RFC 7515 and RFC 8037 verify with the key of a JWK set, and not when a bit is turned`(
        _ algorithm: TokenAlgorithm, _ text: String
    ) throws {
        let keys = try #require(VerificationKeys(jwks: Array(RFCExample.jwks.utf8), algorithm: algorithm))
        let key = try #require(keys.key(nil))
        let token = try CompactToken(text)
        #expect(key.verify(token.signature, of: token.signed))
        for index in stride(from: 0, to: token.signature.count, by: 7) {
            var signature = token.signature
            signature[index] ^= 0x10
            #expect(!key.verify(signature, of: token.signed))
        }
        #expect(!key.verify(token.signature, of: token.signed + [0]))
        #expect(!key.verify(token.signature + [0], of: token.signed))
        #expect(!key.verify([], of: token.signed))
    }

    @Test func `the HS256 example of RFC 7515 verifies with its secret`() throws {
        let secret = try #require(Base64URL.decode(RFCExample.hs256Secret.utf8))
        let key = try #require(VerificationKey(secret: secret))
        let token = try CompactToken(RFCExample.hs256)
        #expect(key.verify(token.signature, of: token.signed))
        #expect(!key.verify(Array(token.signature.dropLast()), of: token.signed))
    }

    @Test func `an ECDSA signature of zeros, or in DER, is none`() throws {
        let keys = try #require(VerificationKeys(jwks: Array(RFCExample.jwks.utf8), algorithm: .es256))
        let (key, token) = (try #require(keys.key(nil)), try CompactToken(RFCExample.es256))
        #expect(!key.verify([UInt8](repeating: 0, count: 64), of: token.signed))
        let (r, s) = (token.signature[..<32], token.signature[32...])
        #expect(!key.verify(DER.sequence(DER.integer(r), DER.integer(s)), of: token.signed))
    }

    @Test func `a JWK set never yields a key of another kind, use or algorithm, or a secret one`() throws {
        #expect(try #require(VerificationKeys(jwks: Array(RFCExample.jwks.utf8), algorithm: .hs256)).isEmpty)
        let point = #""kty":"EC","crv":"P-256","x":"\#(RFCExample.ecX)","y":"\#(RFCExample.ecY)""#
        let others = [
            #"{\#(point),"use":"enc"}"#, #"{\#(point),"alg":"ES384"}"#, #"{\#(point),"kid":7}"#,
            #"{\#(point),"kty":"EC"}"#, point.replacing("P-256", with: "P-384"),
            #"{"kty":"EC","crv":"P-256","x":"\#(RFCExample.ecX)","y":"\#(RFCExample.ecX)"}"#,  // not on the curve
            #"{"kty":"EC","crv":"P-256","x":"\#(RFCExample.ecX)"}"#, "7", "[]", "{}",
        ]
        for other in others where other.hasPrefix("{") || other == "7" || other == "[]" {
            let set = #"{"keys":[\#(other)]}"#
            #expect(try #require(VerificationKeys(jwks: Array(set.utf8), algorithm: .es256)).isEmpty, "\(other)")
        }
        for document in ["", "[]", "{}", #"{"keys":{}}"#, #"{"keys":[],"keys":[]}"#, #"{"keys":[]} x"#] {
            #expect(VerificationKeys(jwks: Array(document.utf8), algorithm: .es256) == nil, "\(document)")
        }
    }

    @Test func `an RSA key of less than 2048 bits is refused`() throws {
        let short = String(RFCExample.rsaModulus.prefix(170))
        let set = #"{"keys":[{"kty":"RSA","n":"\#(short)Q","e":"AQAB"}]}"#
        #expect(try #require(VerificationKeys(jwks: Array(set.utf8), algorithm: .rs256)).isEmpty)
    }

    @Test func `a key is found by its name, and by no name only if it is alone`() throws {
        func set(_ keys: [(String?, UInt8)]) throws -> VerificationKeys {
            VerificationKeys(
                try keys.map { try #require(VerificationKey(secret: [UInt8](repeating: $1, count: 32), id: $0)) })
        }
        let two = try set([("a", 1), ("b", 2)])
        #expect(two.key("b")?.id == "b")
        #expect(two.key("c") == nil && two.key(nil) == nil)
        #expect(try set([("a", 1)]).key(nil)?.id == "a")
        #expect(try set([("a", 1)]).key("b") == nil)
        #expect(try set([(nil, 1)]).key("b") != nil)
    }

    @Test func `a public key cannot pass for a secret, nor can a short one`() {
        let pem = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n"
        #expect(VerificationKey(secret: Array(pem.utf8)) == nil)
        #expect(VerificationKey(secret: [UInt8](repeating: 1, count: 31)) == nil)
        #expect(VerificationKey(pem: Array(pem.utf8), algorithm: .es256) == nil)
    }

    @Test func `a key does not print its secret`() throws {
        let key = try #require(VerificationKey(secret: Array("canary-canary-canary-canary-canary".utf8)))
        #expect(!"\(key) \(String(reflecting: key))".contains("canary"))
    }

    @Test(arguments: ["", "YQ", "YWI", "YWJj", "-_-_"])
    func `canonical base64url survives decoding and encoding`(_ text: String) throws {
        #expect(Base64URL.encode(try #require(Base64URL.decode(text.utf8))) == text)
    }

    @Test(arguments: ["Y", "YR", "YWJ", "YQ==", "YQ=", "Y Q", "YQ\n", "+/+/", "YWJjé"])
    func `other spellings of base64url are refused`(_ text: String) {
        #expect(Base64URL.decode(text.utf8) == nil)
    }
}
