import COpenSSL

/// SHA-256 and HMAC-SHA-256, by OpenSSL.
package enum Digest {
    package static let byteCount = 32

    /// The SHA-256 of `bytes`, 32 bytes.
    package static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: byteCount)
        let isDone = EVP_Digest(bytes, bytes.count, &digest, nil, algorithm, nil) == 1
        precondition(isDone, "libcrypto could not make a SHA-256")  // zeros in its place would match other zeros
        return digest
    }

    /// The HMAC-SHA-256 of `bytes` under `key`, 32 bytes.
    package static func hmac(_ bytes: [UInt8], key: [UInt8]) -> [UInt8] {
        var code = [UInt8](repeating: 0, count: byteCount)
        let made = HMAC(algorithm, key, Int32(key.count), bytes, bytes.count, &code, nil)
        precondition(made != nil, "libcrypto could not make an HMAC")
        return code
    }

    /// Whether two values are the same, in a time that does not tell where they differ.
    package static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
    }

    /// Fetched once: libcrypto would look it up anew at each use of `EVP_sha256`. Never freed, only read.
    private nonisolated(unsafe) static let algorithm = EVP_MD_fetch(nil, "SHA256", nil)
}
