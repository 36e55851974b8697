import CLinux
import Domain
import FoundationEssentials
import Glibc
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

    @Test func `the next key takes the place of the old one with its mode and owner`() throws {
        try withTemporaryFolder { folder in
            let (path, next) = (folder + "/master.key", folder + "/master.key.next")
            let (old, new) = (try MasterKey.load(orCreateAt: path), try MasterKey.load(orCreateAt: next))
            #expect(chmod(path, 0o400) == 0)
            let isRoot = geteuid() == 0
            if isRoot { #expect(chown(path, 4321, 4322) == 0) }
            try PrivateFile.publish(next, as: path)
            var status = stat()
            #expect(stat(path, &status) == 0 && status.st_mode & 0o7777 == 0o400)
            #expect(!isRoot || (status.st_uid, status.st_gid) == (4321, 4322))
            #expect(try MasterKey.load(at: path)?.fingerprint == new.fingerprint && new.fingerprint != old.fingerprint)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["master.key"])
        }
    }

    /// As systemd does to a credential: read by its owner, and by the users named.
    private func limit(_ path: String, to users: [uid_t], group: UInt16 = 0) throws {
        var list: [UInt8] = [2, 0, 0, 0]
        let nobody = uid_t.max
        let entries: [(UInt16, UInt16, uid_t)] =
            [(1, 4, nobody)] + users.map { (2, 4, $0) } + [(4, group, nobody), (16, 4, nobody), (32, 0, nobody)]
        for (tag, rights, user) in entries {
            list += withUnsafeBytes(of: tag.littleEndian, Array.init)
            list += withUnsafeBytes(of: rights.littleEndian, Array.init)
            list += withUnsafeBytes(of: user.littleEndian, Array.init)
        }
        #expect(chmod(path, 0o400) == 0)
        try #require(setxattr(path, "system.posix_acl_access", list, list.count, 0) == 0)
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o440)
    }

    @Test func `a key whose access list names this user alone is taken, although its mode shows the mask`() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/master.key"
            let key = try MasterKey.load(orCreateAt: path)
            try limit(path, to: [geteuid()])
            #expect(try MasterKey.load(at: path)?.fingerprint == key.fingerprint)
            try limit(path, to: [geteuid(), geteuid() + 1])
            #expect(throws: RelayError.self) { try MasterKey.load(at: path) }
            try limit(path, to: [geteuid()], group: 4)
            #expect(throws: RelayError.self) { try MasterKey.load(at: path) }
        }
    }
}
