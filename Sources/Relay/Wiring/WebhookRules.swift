import API
import Domain
import Glibc
import Webhook

/// What the settings say of callbacks: which receivers are allowed, and when failed deliveries are tried again.
struct WebhookRules {
    private static let scheduleLimit = 50
    private static let longestDelay = Duration.seconds(30 * 86_400)

    let addresses: AddressPolicy
    /// Which URLs receivers may have.
    let urls: WebhookAddress
    let schedule: DeliverySchedule
    /// The ways out that endpoints may ask for. An entry address leads to the upstream alone.
    let egress: [EgressPath]

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
        let ports = PortSet(allowsHTTP: settings.webhookAllowHTTP, and: try Self.ports(settings.webhookAllowPorts))
        urls = WebhookAddress(allowsHTTP: settings.webhookAllowHTTP, ports: ports)
        addresses = AddressPolicy(allowed: ranges, ports: ports)
        schedule = try Self.schedule(settings.webhookSchedule)
        egress = settings.paths.filter { path in
            if case .entry = path.route { false } else { true }
        }
    }

    private static func ports(_ texts: [String]) throws(RelayError) -> [ClosedRange<UInt16>] {
        var ranges: [ClosedRange<UInt16>] = []
        for text in texts {
            guard let range = PortSet.range(text) else {
                throw RelayError(
                    .configurationInvalid,
                    "webhooks.allow_ports has '\(text)'; allowed are ports such as 8443 or ranges such as 8000-8999.",
                    remedy: "Correct it and start again.")
            }
            ranges.append(range)
        }
        return ranges
    }

    private static func schedule(_ texts: [String]) throws(RelayError) -> DeliverySchedule {
        let delays = texts.compactMap(DurationText.parse)
        guard delays.count == texts.count, delays.count <= scheduleLimit, delays.allSatisfy({ $0 <= longestDelay })
        else {
            throw RelayError(
                .configurationInvalid,
                "webhooks.schedule is [\(texts.joined(separator: ", "))]; allowed are up to \(scheduleLimit) durations "
                    + "of at most 30d, such as 5s, 5m or 2h.",
                remedy: "Correct it and start again.")
        }
        return DeliverySchedule(delays: delays)
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
