import Domain
import Testing

struct AddressPolicyTests {
    private static let v6Public: [UInt8] = [0x2A, 0x00, 0x14, 0x50] + [UInt8](repeating: 1, count: 12)

    private static func v6(_ head: [UInt8], _ tail: [UInt8] = []) -> [UInt8] {
        head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }

    @Test(
        arguments: [
            [8, 8, 8, 8], [172, 32, 0, 1], [172, 15, 255, 255], [100, 128, 0, 1], [169, 253, 1, 1],
            [223, 255, 255, 255],
            v6Public, v6([0x26, 0x06, 0x47, 0x00], [1]),
            v6([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], [8, 8, 8, 8]), v6([0, 0x64, 0xFF, 0x9B], [1, 1, 1, 1]),
            v6([0x20, 0x02, 8, 8, 8, 8]),
        ] as [[UInt8]])
    func `public addresses are allowed`(_ address: [UInt8]) {
        #expect(AddressPolicy(allowed: []).allows(address))
    }

    @Test(
        arguments: [
            [0, 0, 0, 0], [10, 1, 2, 3], [100, 64, 0, 1], [127, 0, 0, 1], [127, 255, 255, 255], [169, 254, 169, 254],
            [172, 16, 0, 1], [172, 31, 255, 255], [192, 0, 2, 1], [192, 168, 1, 1], [198, 18, 0, 1],
            [198, 19, 255, 255],
            [203, 0, 113, 9], [224, 0, 0, 1], [240, 0, 0, 1], [255, 255, 255, 255], [], [1, 2, 3],
            v6([]), v6([], [1]), v6([0xFE, 0x80], [1]), v6([0xFC], [1]), v6([0xFD, 0, 0xEC, 2], [2, 0x54]),
            v6([0xFF, 2], [1]), v6([0x20, 1, 0x0D, 0xB8], [1]), v6([0x20, 1, 0, 0], [1]), v6([0xFE, 0xC0], [1]),
            v6([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], [127, 0, 0, 1]),
            v6([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], [169, 254, 169, 254]),
            v6([0, 0x64, 0xFF, 0x9B], [10, 0, 0, 1]), v6([0x20, 0x02, 192, 168, 0, 1]), v6([], [127, 0, 0, 1]),
            v6([0, 0x64, 0xFF, 0x9B, 0, 1], [8, 8, 8, 8]), v6([0, 0x64, 0xFF, 0x9B], [169, 254, 169, 254]),
            [100, 100, 100, 200], [168, 63, 129, 16], [192, 0, 0, 192], [192, 88, 99, 1], [239, 1, 1, 1],
            v6([], [8, 8, 8, 8]), v6([0x20, 1, 0, 0, 1], [8, 8, 8, 8]), v6([0x20, 1, 0, 0x20], [1]),
            v6([0x5F, 0], [1]),
            v6([1], [1]), v6([0x3F, 0xFF], [1]), v6([0x26, 0x20, 0, 0x4F, 0x80], [1]), v6([0xFE, 0xBF], [1]),
            v6([0x2A, 0, 0x14, 0x50], [0, 0, 0x5E, 0xFE, 10, 0, 0, 1]),
            v6([0x2A, 0, 0x14, 0x50], [2, 0, 0x5E, 0xFE, 127, 0, 0, 1]), v6([0x20, 2, 127, 0, 0, 1], [1]),
        ] as [[UInt8]])
    func `private, local and reserved addresses are not`(_ address: [UInt8]) {
        #expect(!AddressPolicy(allowed: []).allows(address))
    }

    @Test func `a listed network opens itself and no more`() throws {
        let range = try #require(AddressRange(address: [10, 1, 0, 0], prefixLength: 15))
        let policy = AddressPolicy(allowed: [range])
        #expect(policy.allows([10, 0, 255, 255]) && policy.allows([10, 1, 0, 9]))
        #expect(!policy.allows([10, 2, 0, 0]) && !policy.allows([127, 0, 0, 1]))
        #expect(policy.allows(Self.v6([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], [10, 1, 2, 3])))
    }

    @Test(arguments: 0...32)
    func `a range holds exactly the addresses that share its prefix`(_ length: Int) throws {
        let range = try #require(AddressRange(address: [0xA5, 0x5A, 0xC3, 0x3C], prefixLength: length))
        for bit in 0..<32 {
            var address: [UInt8] = [0xA5, 0x5A, 0xC3, 0x3C]
            address[bit / 8] ^= 0x80 >> UInt8(bit % 8)
            #expect(range.contains(address) == (bit >= length))
        }
    }

    @Test func `lengths out of range make no network`() {
        #expect(AddressRange(address: [1, 2, 3], prefixLength: 8) == nil)
        #expect(AddressRange(address: [1, 2, 3, 4], prefixLength: 33) == nil)
        #expect(AddressRange(address: [1, 2, 3, 4], prefixLength: -1) == nil)
    }

    @Test func `a port is allowed by its own list, whatever network is opened`() throws {
        let loopback = try #require(AddressRange(address: [127, 0, 0, 0], prefixLength: 8))
        let policy = AddressPolicy(allowed: [loopback], ports: PortSet(allowsHTTP: false, and: [8000...8002]))
        for port in [443, 8000, 8002] as [UInt16] {
            #expect(policy.allows([127, 0, 0, 1], port: port) && policy.allows([8, 8, 8, 8], port: port))
        }
        for port in [0, 22, 80, 444, 7999, 8003, 65_535] as [UInt16] {
            #expect(!policy.allows([8, 8, 8, 8], port: port))
        }
        #expect(!policy.allows([10, 0, 0, 1], port: 443))
        #expect(PortSet(allowsHTTP: true).contains(80))
        #expect(AddressPolicy(allowed: []).allows([8, 8, 8, 8], port: 22))
    }

    @Test func `ports are written as one or as a range`() {
        #expect(PortSet.range("8443") == 8443...8443 && PortSet.range("1-65535") == 1...65535)
        for text in ["", "0", "0-5", "65536", "9-8", "1-2-3", "-1", "1-", " 80", "+80", "http"] {
            #expect(PortSet.range(text) == nil, "\(text)")
        }
        #expect(PortSet(allowsHTTP: true, and: [8000...8999]).text == "443, 80, 8000-8999")
    }
}
