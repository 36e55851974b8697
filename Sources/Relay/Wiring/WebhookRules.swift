import Domain
import Glibc

/// Which receivers the settings allow.
struct WebhookRules {
    let addresses: AddressPolicy

    init(_ settings: Settings) throws(RelayError) {
        var ranges: [AddressRange] = []
        for text in settings.webhookAllowNetworks {
            guard let range = AddressRange(cidr: text) else {
                throw RelayError(
                    .configurationInvalid,
                    "webhooks.allow_networks has '\(text)'; allowed are networks such as 127.0.0.0/8 or fd00::/8.",
                    remedy: "Correct it and start again.")
            }
            ranges.append(range)
        }
        addresses = AddressPolicy(allowed: ranges)
    }
}

extension AddressRange {
    /// Reads `ADDRESS/BITS`, IPv4 or IPv6; an address alone stands for itself.
    init?(cidr text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let address = Self.bytes(of: String(parts[0])) else { return nil }
        let bits = parts.count == 2 ? Int(parts[1]) : address.count * 8
        guard let bits else { return nil }
        self.init(address: address, prefixLength: bits)
    }

    private static func bytes(of text: String) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 { return Array(bytes.prefix(4)) }
        return inet_pton(AF_INET6, text, &bytes) == 1 ? bytes : nil
    }
}
