import COpenSSL
import Domain

/// What a password and a salt give: PBKDF2-HMAC-SHA-256, 10,000 rounds, 80 bytes.
struct AnsibleVaultKeys {
    private static let rounds: Int32 = 10_000
    private let encryption: [UInt8]
    private let authentication: [UInt8]
    private let counter: [UInt8]

    /// nil if libcrypto has no memory to give.
    init?(password: Secret, salt: [UInt8]) {
        let password = password.revealBytes().map { CChar(bitPattern: $0) }
        var bytes = [UInt8](repeating: 0, count: 80)
        let isMade = PKCS5_PBKDF2_HMAC(
            password, Int32(password.count), salt, Int32(salt.count), Self.rounds, EVP_sha256(), Int32(bytes.count),
            &bytes)
        guard isMade == 1 else { return nil }
        encryption = Array(bytes[..<32])
        authentication = Array(bytes[32..<64])
        counter = Array(bytes[64...])
    }

    func code(of ciphertext: [UInt8]) -> [UInt8] {
        Digest.hmac(ciphertext, key: authentication)
    }

    /// Encrypts or decrypts, which is the same in counter mode; nil if libcrypto has no memory to give.
    func applied(to bytes: [UInt8]) -> [UInt8]? {
        guard let cipher = EVP_CIPHER_CTX_new() else { return nil }
        defer { EVP_CIPHER_CTX_free(cipher) }
        var output = [UInt8](repeating: 0, count: bytes.count)
        var count: Int32 = 0
        guard EVP_EncryptInit_ex(cipher, EVP_aes_256_ctr(), nil, encryption, counter) == 1,
            EVP_EncryptUpdate(cipher, &output, &count, bytes, Int32(bytes.count)) == 1,
            Int(count) == bytes.count
        else { return nil }
        return output
    }
}
