import Testing

@testable import Relay

@Suite struct SettingsReloadTests {
    @Test func `what has changed and cannot be taken over is named by its key`() {
        let running = Settings()
        var read = running
        #expect(read.needingRestart(over: running).isEmpty)
        read.listen = "127.0.0.1:1"
        read.concurrency += 1
        read.bodyLimit += 1
        read.logLevel = "debug"
        #expect(read.needingRestart(over: running) == ["listen", "worker.concurrency"])
    }
}
