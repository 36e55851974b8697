import Domain
import FoundationEssentials
import TestSupport
import Testing
import Vault

@Suite struct MasterKeyTests {
    @Test func `a new folder gets a key that only its owner reads, and finds it again`() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/master.key"
            let sealed = try SecretSealer(master: .load(orCreateAt: path)).seal(Secret("s"), for: "row")
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            #expect(try SecretSealer(master: .load(orCreateAt: path)).open(sealed, for: "row") == Secret("s"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["master.key"])
        }
    }

    @Test func `a key that others may read is refused with the command that mends it`() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/master.key"
            _ = try MasterKey.load(orCreateAt: path)
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
            let error = #expect(throws: RelayError.self) { try MasterKey.load(orCreateAt: path) }
            #expect(error?.code == .masterKeyUnusable)
            #expect(error?.remedy.contains("chmod 600") == true)
        }
    }

    @Test(arguments: ["", "abc", String(repeating: "g", count: 64), String(repeating: "0", count: 63)])
    func `a file that is no key is refused, never replaced`(content: String) throws {
        try withTemporaryFolder { folder in
            let path = folder + "/master.key"
            try Data(content.utf8).write(to: URL(filePath: path))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            let error = #expect(throws: RelayError.self) { try MasterKey.load(orCreateAt: path) }
            #expect(error?.code == .masterKeyUnusable)
            #expect(try Data(contentsOf: URL(filePath: path)) == Data(content.utf8))
        }
    }
}
