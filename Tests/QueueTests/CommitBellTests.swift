import Glibc
@testable import Queue
import TestSupport
import Testing

struct CommitBellTests {
    @Test func `a bell is locked before the others see it, so that nobody takes it for a dead one's`() async throws {
        try await withTemporaryFolder { folder in
            let watch = await instance()
            defer { close(watch) }
            inotify_add_watch(watch, folder, UInt32(IN_CREATE | IN_MOVED_TO))
            var random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
            let bell = try CommitBell(folder: folder, random: &random)
            bell.listen { _ in }
            let events = events(of: watch)
            let made = events.filter { $0.mask & UInt32(IN_CREATE) != 0 }
            #expect(made.count == 1 && made.allSatisfy { $0.name.hasPrefix(".") }, "the others skip such names")
            let shown = events.filter { $0.mask & UInt32(IN_MOVED_TO) != 0 }
            let name = try #require(shown.first?.name)
            let file = open(folder + "/" + name, O_RDWR | O_CLOEXEC)
            defer { close(file) }
            #expect(file >= 0 && !name.hasPrefix(".") && !FileLock(descriptor: file, byte: 0).take())
        }
    }

    /// A user has 128 of them, which the stores of other tests may hold just now.
    private func instance() async -> Int32 {
        while true {
            let watch = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
            if watch >= 0 { return watch }
            await Task.yield()
        }
    }

    /// What has happened in the folder that is watched.
    private func events(of watch: Int32) -> [(mask: UInt32, name: String)] {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = max(0, read(watch, &bytes, bytes.count))
        var events: [(mask: UInt32, name: String)] = []
        var offset = 0
        while offset < count {
            let (mask, length) = bytes.withUnsafeBytes {
                (
                    $0.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self),
                    Int($0.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self))
                )
            }
            let name = bytes[(offset + 16)..<(offset + 16 + length)].prefix { $0 != 0 }
            events.append((mask, String(decoding: name, as: UTF8.self)))
            offset += 16 + length
        }
        return events
    }
}
