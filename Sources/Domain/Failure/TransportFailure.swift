/// Why no complete answer came back, told apart as far as the network tells.
package struct TransportFailure: Error, Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// The name was not found.
        case resolve
        /// The connection was refused or not made in time.
        case connect
        /// The TLS handshake or the certificate failed.
        case tls
        /// The egress proxy refused or failed.
        case proxy
        /// The address is not allowed by policy; nothing was sent.
        case addressRefused = "address_refused"
        /// A clock ran out: no first byte, no next byte, or the whole exchange.
        case timeout
        /// The connection broke after the request was (partly) sent.
        case broken
        /// The answer was cut short or not HTTP.
        case malformed
        /// The answer was larger than the limit.
        case tooLarge = "too_large"
        /// The request's bytes were no longer those that were taken in; nothing was sent.
        case altered
        /// This machine is out of sockets, ports or memory; nobody else is to blame. Only memory can fail after sending.
        case exhausted
        /// We cancelled it.
        case canceled
    }

    package let kind: Kind
    /// Whether the request may have reached the upstream, so that a second one may be billed twice.
    package let maybeSent: Bool
    /// For people: the library's words, without secrets.
    package let detail: String
    /// The address that was refused, with its port. For operators alone: it may be one of an inner network.
    package let address: String?

    package init(_ kind: Kind, maybeSent: Bool, detail: String, address: String? = nil) {
        self.address = address
        self.kind = kind
        self.maybeSent = maybeSent
        self.detail = detail
    }

    /// By policy. - Parameter address: with its port.
    package static func refused(_ address: String) -> TransportFailure {
        TransportFailure(
            .addressRefused, maybeSent: false, detail: "the receiver's address is not allowed", address: address)
    }
}
