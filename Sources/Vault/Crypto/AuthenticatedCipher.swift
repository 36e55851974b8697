import COpenSSL

/// AES-256-GCM, by OpenSSL. A sealed box is a nonce of 12 bytes, the ciphertext and a tag of 16 bytes.
struct AuthenticatedCipher: Sendable {
    static let overhead = nonceCount + tagCount
    private static let nonceCount = 12
    private static let tagCount = 16
    let key: SymmetricKey

    /// - Parameter context: what the box is bound to; not stored in it.
    /// - Returns: nil if the system has no randomness or memory to give.
    func seal(_ plain: [UInt8], context: [UInt8]) -> [UInt8]? {
        guard let nonce = SymmetricKey.randomBytes(Self.nonceCount), let cipher = EVP_CIPHER_CTX_new() else {
            return nil
        }
        defer { EVP_CIPHER_CTX_free(cipher) }
        var output = [UInt8](repeating: 0, count: plain.count)
        var tag = [UInt8](repeating: 0, count: Self.tagCount)
        var count: Int32 = 0
        guard EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), nil, key.bytes, nonce) == 1,
            EVP_EncryptUpdate(cipher, nil, &count, context, Int32(context.count)) == 1,
            EVP_EncryptUpdate(cipher, &output, &count, plain, Int32(plain.count)) == 1,
            EVP_EncryptFinal_ex(cipher, nil, &count) == 1,
            EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagCount), &tag) == 1
        else { return nil }
        return nonce + output + tag
    }

    /// nil if `box` was made with another key or context, or changed since.
    func open(_ box: [UInt8], context: [UInt8]) -> [UInt8]? {
        guard box.count >= Self.overhead, let cipher = EVP_CIPHER_CTX_new() else { return nil }
        defer { EVP_CIPHER_CTX_free(cipher) }
        let nonce = Array(box.prefix(Self.nonceCount))
        let sealed = Array(box.dropFirst(Self.nonceCount).dropLast(Self.tagCount))
        var tag = Array(box.suffix(Self.tagCount))
        var output = [UInt8](repeating: 0, count: sealed.count)
        var count: Int32 = 0
        guard EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), nil, key.bytes, nonce) == 1,
            EVP_DecryptUpdate(cipher, nil, &count, context, Int32(context.count)) == 1,
            EVP_DecryptUpdate(cipher, &output, &count, sealed, Int32(sealed.count)) == 1,
            EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagCount), &tag) == 1,
            EVP_DecryptFinal_ex(cipher, nil, &count) == 1
        else { return nil }
        return output
    }
}
