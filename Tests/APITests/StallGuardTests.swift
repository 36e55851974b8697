import NIOCore
import NIOEmbedded
import Testing

@testable import API

/// 10 s of grace and 100 bytes/s, on a channel that takes what a test says.
struct StallGuardTests {
    private let channel = EmbeddedChannel()

    private func start(rate: Int = 100) throws {
        try channel.pipeline.syncOperations.addHandler(StallGuard(grace: .seconds(10), rate: rate))
        channel.pipeline.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
    }

    /// What waits to be taken from now on.
    private func wait(for bytes: Int) {
        channel.flush()
        channel.write(ByteBuffer(repeating: 0, count: bytes), promise: nil)
    }

    private func block(_ isBlocked: Bool) {
        channel.isWritable = !isBlocked
        channel.pipeline.fireChannelWritabilityChanged()
    }

    private func pass(_ seconds: Int64) {
        channel.embeddedEventLoop.advanceTime(by: .seconds(seconds))
    }

    @Test func `a client that takes nothing is cut off after the grace`() throws {
        try start()
        wait(for: 100_000)
        block(true)
        pass(9)
        #expect(channel.isActive)
        pass(2)
        #expect(!channel.isActive)
    }

    @Test func `a client that takes drops is cut off, however many they are`() throws {
        try start()
        var left = 100_000
        wait(for: left)
        block(true)
        var seconds = 0
        while channel.isActive, seconds < 1000 {
            left -= 50
            wait(for: left)
            pass(1)
            seconds += 1
        }
        // 10 s, and at half the rate half of the time that has passed: 20 s.
        #expect((18...22).contains(seconds))
    }

    @Test func `a client that takes its answer at the rate keeps its connection`() throws {
        try start()
        var left = 100_000
        wait(for: left)
        block(true)
        for _ in 0..<900 {
            left -= 110
            wait(for: left)
            pass(1)
        }
        #expect(channel.isActive)
    }

    @Test func `without a rate a byte in each span is enough`() throws {
        try start(rate: 0)
        var left = 1000
        wait(for: left)
        block(true)
        for _ in 0..<100 {
            left -= 1
            wait(for: left)
            pass(9)
        }
        #expect(channel.isActive)
        pass(20)
        #expect(!channel.isActive)
    }

    @Test func `time in which nothing waits is not the client's, and is not saved up`() throws {
        try start()
        for _ in 0..<5 {
            wait(for: 100_000)
            block(true)
            pass(1)
            wait(for: 99_000)
            block(false)
            pass(3600)
        }
        #expect(channel.isActive)
        wait(for: 100_000)
        block(true)
        pass(11)
        #expect(!channel.isActive)
    }

    @Test func `drops between rests add up`() throws {
        try start()
        var stalls = 0
        while channel.isActive, stalls < 100 {
            wait(for: 1000)
            block(true)
            pass(4)
            wait(for: 800)  // in 4 s, two seconds' worth
            block(false)
            pass(60)
            stalls += 1
        }
        #expect((4...6).contains(stalls))
    }
}
