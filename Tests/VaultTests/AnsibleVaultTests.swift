import Domain
import TestSupport
import Testing

@testable import Vault

@Suite struct AnsibleVaultTests {
    private static let password = Secret("geheim")
    private static let plain = Array("listen: 127.0.0.1:9000\n".utf8)
    /// Made by ansible-core 2.20: `ansible-vault encrypt`.
    private static let version11 = """
        $ANSIBLE_VAULT;1.1;AES256
        35313733393239666163383636316564376234393236653961626465313365613035383433636531
        3733323439366434336132663862306338613463356631350a303237623032353230666133656665
        32613737356330333136323364383235623966633631643566386364646265316262376332653461
        3036336266643332300a373136323439383233613133363832653331333166613836346635653464
        37613761303934376136656133316434316137386566666135656133326531366436

        """
    /// The same with `--vault-id prod@…`.
    private static let version12 = """
        $ANSIBLE_VAULT;1.2;AES256;prod
        64333361343437613136383039343739393065633435623235366161343230343165346664316533
        6436653965313763346239623864303363376135613233370a376365353766643330616133383031
        37623338343233333934353836343733646531363634623135313061663164633833356665353737
        3764396333626565340a373862643532663537323236633866313635333630643831653131306166
        32313830353039666231666438323235303566316266656266653232653165336633

        """

    @Test(arguments: [version11, version12])
    func `a file of ansible-vault opens, whatever its line ends`(file: String) throws {
        #expect(try AnsibleVault.open(Array(file.utf8), password: Self.password) == Self.plain)
        let windows = file.split(separator: "\n").joined(separator: "\r\n")
        #expect(try AnsibleVault.open(Array(windows.utf8), password: Self.password) == Self.plain)
    }

    @Test(arguments: [0, 1, 15, 16, 17, 10_000])
    func `what is sealed opens again, with and without a label`(count: Int) throws {
        let plain = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        for (label, header) in [(nil, "1.1;AES256\n"), ("default", "1.1;AES256\n"), ("prod", "1.2;AES256;prod\n")] {
            let file = try AnsibleVault.seal(plain, password: Self.password, label: label)
            #expect(file.starts(with: Array("$ANSIBLE_VAULT;\(header)".utf8)))
            #expect(AnsibleVault.isSealed(file))
            #expect(String(decoding: file, as: UTF8.self).split(separator: "\n").allSatisfy { $0.count <= 80 })
            #expect(try AnsibleVault.open(file, password: Self.password) == plain)
        }
    }

    @Test func `another password opens nothing`() {
        #expect(throws: AnsibleVault.Refusal.doesNotOpen) {
            try AnsibleVault.open(Array(Self.version11.utf8), password: Secret("Geheim"))
        }
    }

    @Test(arguments: [
        ("", "empty"), ("$ANSIBLE_VAULT", "first line"), ("$ANSIBLE_VAULT;1.1", "first line"),
        ("$ANSIBLE_VAULT;1.2;AES256\n00", "3 words"), ("$ANSIBLE_VAULT;1.1;AES256;x\n00", "4 words"),
        ("$ANSIBLE_VAULT;1.1;AES256\n", "salt"), ("$ANSIBLE_VAULT;1.1;AES256\n0", "hexadecimal"),
        ("$ANSIBLE_VAULT;1.1;AES256\nxy", "hexadecimal"), ("$ANSIBLE_VAULT;1.1;AES256\n30300a30300a3030", "length"),
    ])
    func `a file without the right form says what is wrong with it`(file: String, words: String) {
        let refusal = #expect(throws: AnsibleVault.Refusal.self) {
            try AnsibleVault.open(Array(file.utf8), password: Self.password)
        }
        guard case .damaged(let what) = refusal else { return #expect(Bool(false), "\(String(describing: refusal))") }
        #expect(what.contains(words), "\(what)")
    }

    @Test(arguments: ["1.0;AES", "1.3;AES256;x", "1.1;AES", "2;AES256"])
    func `another version or cipher is named`(words: String) {
        let refusal = #expect(throws: AnsibleVault.Refusal.self) {
            try AnsibleVault.open(Array("$ANSIBLE_VAULT;\(words)\n00".utf8), password: Self.password)
        }
        guard case .unsupported = refusal else { return #expect(Bool(false), "\(String(describing: refusal))") }
    }

    @Test func `a file that is cut anywhere is refused`() throws {
        let keys = try #require(AnsibleVaultKeys(password: Self.password, salt: [1]))
        let whole = try #require(AnsibleVaultFile(sealing: Self.plain, with: keys, salt: [1], label: nil)).text
        for count in 0..<(whole.count - 1) {
            #expect(throws: AnsibleVault.Refusal.self, "\(count)") {
                try AnsibleVaultFile(parsing: Array(whole.prefix(count))).open(with: keys)
            }
        }
    }

    /// The keys are made once: with a password each input would cost 30,000 rounds of SHA-256.
    @Test(arguments: UInt64(0)..<20)
    func `no random change of a file crashes the reader or gets another content`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let keys = try #require(AnsibleVaultKeys(password: Self.password, salt: [1, 2, 3]))
        let file = try #require(AnsibleVaultFile(sealing: Self.plain, with: keys, salt: [1, 2, 3], label: "x"))
        let whole = file.text
        for _ in 0..<2000 {
            let changed = Self.changed(whole, using: &random)
            do throws(AnsibleVault.Refusal) {
                let plain = try AnsibleVaultFile(parsing: changed).open(with: keys)
                #expect(plain == Self.plain)  // only what is not content was changed
            } catch {
                #expect(error != .noResources)
            }
        }
    }

    /// One to four changes: bytes replaced, removed, doubled or cut off, in the outer or in the inner hexadecimal form.
    private static func changed(_ file: [UInt8], using random: inout SeededGenerator) -> [UInt8] {
        var file = file
        let alphabet = Array("0123456789abcdefAF;$.\n\r x\u{0}\u{ff}".utf8)
        for _ in 0..<Int.random(in: 1...4, using: &random) where !file.isEmpty {
            let place = Int.random(in: file.indices, using: &random)
            let end = min(file.count, place + Int.random(in: 1...90, using: &random))
            switch Int.random(in: 0..<6, using: &random) {
            case 0: file[place] = alphabet.randomElement(using: &random) ?? 0
            case 1: file[place] = UInt8.random(in: 0...255, using: &random)
            case 2: file.removeSubrange(place..<end)
            case 3: file.insert(contentsOf: file[place..<end], at: place)
            case 4: file.removeLast(file.count - place)
            default: file.replaceSubrange(place..<end, with: Hex.encode(file[place..<end].prefix(8)))
            }
        }
        return file
    }
}
