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

    package init(id: String, route: Route) {
        self.id = id
        self.route = route
    }

    package static let direct = EgressPath(id: "direct", route: .direct)
}
