import Testing

@testable import ClaudeSim

struct ListenAddressTests {
    @Test(arguments: [
        ("127.0.0.1:8788", "127.0.0.1", 8_788, "127.0.0.1"), ("[::1]:0", "::1", 0, "[::1]"),
        ("localhost:65535", "localhost", 65_535, "localhost"),
    ])
    func `addresses are read and written`(text: String, host: String, port: Int, urlHost: String) throws {
        let address = try ListenAddress(text)
        #expect(address.host == host && address.port == port && address.urlHost == urlHost)
    }

    @Test(arguments: ["", "8788", ":8788", "localhost", "localhost:", "localhost:x", "localhost:65536", "localhost:-1"])
    func `what is no address is refused`(text: String) {
        #expect(throws: SettingError.self) { try ListenAddress(text) }
    }
}
