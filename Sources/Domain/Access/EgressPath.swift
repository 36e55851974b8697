/// One way out to the network.
package struct EgressPath: Hashable, Sendable {
    package enum Route: Hashable, Sendable {
        case direct
        /// An HTTP, HTTPS, SOCKS5 or SOCKS5H proxy by URL, credentials included.
        case proxy(Secret)
        /// A local source address.
        case source(String)
        /// Another address to connect to, `HOST:PORT`, with the upstream's name in TLS.
        case entry(String)
    }

    package let id: String
    package let route: Route
    /// Where it leaves, in the operator's words; nil if that does not matter.
    package let region: String?
    /// Its share of the calls compared with the others', within ``weights``.
    package let weight: Int

    package static let weights = 1...100

    package init(id: String, route: Route, region: String? = nil, weight: Int = 1) {
        self.id = id
        self.route = route
        self.region = region
        self.weight = min(max(weight, Self.weights.lowerBound), Self.weights.upperBound)
    }

    package static let direct = EgressPath(id: "direct", route: .direct)

    /// What kind of way it is, without secrets: `direct`, `proxy`, `source 10.0.0.1`, `entry host:443`.
    package var kind: String {
        switch route {
        case .direct: "direct"
        case .proxy: "proxy"
        case .source(let address): "source \(address)"
        case .entry(let address): "entry \(address)"
        }
    }
}
