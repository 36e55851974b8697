/// The parts of a file of `ansible-vault`.
///
/// Its first line is `$ANSIBLE_VAULT;1.1;AES256`, or `1.2` with a label as fourth word. The rest, in lines of 80, is
/// the hexadecimal form of three lines, each hexadecimal again: salt, HMAC, ciphertext.
struct AnsibleVaultFile {
    static let mark = Array("$ANSIBLE_VAULT".utf8)
    private static let blockCount = 16
    private static let lineLength = 80
    private static let newline: UInt8 = 0x0A

    let label: String?
    let salt: [UInt8]
    private let code: [UInt8]
    private let ciphertext: [UInt8]

    init(parsing file: [UInt8]) throws(AnsibleVault.Refusal) {
        var lines = file.split(whereSeparator: { $0 == Self.newline || $0 == 0x0D })[...]
        guard let header = lines.popFirst() else { throw .damaged("it is empty") }
        label = try Self.label(in: header)
        guard let inner = Hex.decode(lines.joined().map { $0 }) else {
            throw .damaged("what follows its first line is not pairs of hexadecimal digits")
        }
        let parts = inner.split(separator: Self.newline, maxSplits: 2, omittingEmptySubsequences: false)
            .map { Hex.decode($0) }
        guard parts.count == 3, let salt = parts[0], let code = parts[1], let ciphertext = parts[2] else {
            throw .damaged("it does not hold salt, HMAC and ciphertext")
        }
        guard !salt.isEmpty, code.count == Digest.byteCount else {
            throw .damaged("its salt or its HMAC has not the right length")
        }
        guard !ciphertext.isEmpty, ciphertext.count.isMultiple(of: Self.blockCount) else {
            throw .damaged("its ciphertext is cut off")
        }
        self.salt = salt
        self.code = code
        self.ciphertext = ciphertext
    }

    /// nil if libcrypto has no memory to give.
    init?(sealing plain: [UInt8], with keys: AnsibleVaultKeys, salt: [UInt8], label: String?) {
        let padding = Self.blockCount - plain.count % Self.blockCount
        guard let ciphertext = keys.applied(to: plain + [UInt8](repeating: UInt8(padding), count: padding)) else {
            return nil
        }
        self.label = label == "default" ? nil : label
        self.salt = salt
        self.code = keys.code(of: ciphertext)
        self.ciphertext = ciphertext
    }

    func open(with keys: AnsibleVaultKeys) throws(AnsibleVault.Refusal) -> [UInt8] {
        guard Digest.areEqual(code, keys.code(of: ciphertext)) else { throw .doesNotOpen }
        guard let padded = keys.applied(to: ciphertext) else { throw .noResources }
        guard let padding = padded.last, (1...UInt8(Self.blockCount)).contains(padding),
            padded.suffix(Int(padding)).allSatisfy({ $0 == padding })
        else { throw .damaged("its padding is not PKCS#7") }
        return Array(padded.dropLast(Int(padding)))
    }

    var text: [UInt8] {
        let header = label.map { "$ANSIBLE_VAULT;1.2;AES256;\($0)" } ?? "$ANSIBLE_VAULT;1.1;AES256"
        let inner = [salt, code, ciphertext].map { Hex.encode($0) }.joined(separator: [Self.newline])
        let digits = Hex.encode(inner)
        var text = Array(header.utf8) + [Self.newline]
        for start in stride(from: 0, to: digits.count, by: Self.lineLength) {
            text += digits[start..<min(start + Self.lineLength, digits.count)]
            text.append(Self.newline)
        }
        return text
    }

    private static func label(in header: ArraySlice<UInt8>) throws(AnsibleVault.Refusal) -> String? {
        let words = String(decoding: header, as: UTF8.self).split(separator: ";", omittingEmptySubsequences: false)
            .map { $0.filter { !$0.isWhitespace } }
        guard words.count >= 3, words[0] == String(decoding: mark, as: UTF8.self) else {
            throw .damaged("its first line is not $ANSIBLE_VAULT;VERSION;CIPHER")
        }
        guard words[2] == "AES256" else { throw .unsupported("cipher \(words[2].prefix(20))") }
        switch (words[1], words.count) {
        case ("1.1", 3): return nil
        case ("1.2", 4) where AnsibleVault.isLabel(words[3]): return words[3]
        case ("1.1", _), ("1.2", _): throw .damaged("its first line has \(words.count) words")
        default: throw .unsupported("version \(words[1].prefix(20))")
        }
    }
}
