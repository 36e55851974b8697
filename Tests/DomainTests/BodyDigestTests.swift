import Domain
import Testing
import TestSupport

struct BodyDigestTests {
    @Test(arguments: UInt64(0)..<100)
    func `where the pieces are cut makes no difference, and each flipped bit does`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in
            UInt8.random(in: .min ... .max, using: &random)
        }
        let whole = BodyDigest(bytes)
        var builder = BodyDigest.Builder()
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 0...20, using: &random))
            Array(piece).withUnsafeBytes { builder.feed($0) }
            rest = rest.dropFirst(piece.count)
        }
        #expect(builder.digest == whole)
        for position in bytes.indices {
            bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            #expect(BodyDigest(bytes) != whole)
            bytes[position] = bytes[position] &+ 1
        }
    }

    @Test(arguments: UInt64(0)..<50)
    func `a digest survives being stored, as text and as bytes`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let digest = BodyDigest((0..<Int(seed)).map { _ in UInt8.random(in: .min ... .max, using: &random) })
        #expect(BodyDigest(text: digest.text) == digest)
        #expect(digest.bytes.count == BodyDigest.byteCount && BodyDigest(bytes: digest.bytes) == digest)
        #expect(BodyDigest(bytes: digest.bytes.dropLast()) == nil)
        #expect(BodyDigest(bytes: [UInt8](repeating: 0xFF, count: BodyDigest.byteCount)) == nil)
    }

    @Test
    func `zeros at the end count`() {
        let digests = Set((0..<64).map { BodyDigest([UInt8](repeating: 0, count: $0)) })
        #expect(digests.count == 64)
        #expect(BodyDigest([1, 2]) != BodyDigest([2, 1]))
        #expect(BodyDigest(Array("abcdefgh12345678".utf8)) != BodyDigest(Array("12345678abcdefgh".utf8)))
    }
}
