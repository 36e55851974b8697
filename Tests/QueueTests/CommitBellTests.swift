import Dispatch
import Glibc
@testable import Queue
import Synchronization
import TestSupport
import Testing

struct CommitBellTests {
    @Test func `a bell that appears is locked already, so that nobody takes it for a dead one's`() throws {
        try withTemporaryFolder { folder in
            let isDone = Mutex(false)
            let looks = DispatchGroup()
            let taken = Mutex(0)
            DispatchQueue.global().async(group: looks) {
                while !isDone.withLock({ $0 }) {
                    for name in names(in: folder) where !name.hasPrefix(".") {
                        let file = open(folder + "/" + name, O_RDWR | O_CLOEXEC)
                        guard file >= 0 else { continue }
                        if FileLock(descriptor: file, byte: 0).take(), names(in: folder).contains(name) {
                            taken.withLock { $0 += 1 }
                        }
                        close(file)
                    }
                }
            }
            var random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
            for _ in 0..<300 {
                let bell = try CommitBell(folder: folder, random: &random)
                bell.listen { _ in }
                #expect(names(in: folder).contains { !$0.hasPrefix(".") })
            }
            isDone.withLock { $0 = true }
            looks.wait()
            #expect(taken.withLock { $0 } == 0)
        }
    }

    private func names(in folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                })
        }
        return names
    }
}
