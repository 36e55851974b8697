/// A connection that was made, told when its first request is about to be written.
package struct ConnectionReport: Hashable, Sendable {
    /// Of the address that was connected to: the proxy's, if there is one.
    package enum Family: String, Hashable, Sendable {
        case ipv4, ipv6
    }

    /// How TLS with the upstream began.
    package enum Session: String, Hashable, Sendable {
        /// With a whole handshake.
        case full
        /// An earlier connection's session was taken up again.
        case resumed
        /// There is no TLS, or libcurl's TLS is not OpenSSL's and does not tell.
        case none
    }

    /// What making it took, step by step. A call waits for the sum.
    package struct Phases: Hashable, Sendable {
        /// The name's look-up; nil if there was no name, or the transport remembered its address.
        package var resolve: Duration?
        /// TCP, to the upstream or the proxy.
        package var connect: Duration
        /// From there to the beginning of TLS with the upstream: what a proxy took, TLS with itself included. nil without a
        /// proxy or without TLS, of which it would be the end.
        package var tunnel: Duration?
        /// TLS with the upstream; nil if there is none.
        package var tls: Duration?

        package init(
            resolve: Duration? = nil, connect: Duration, tunnel: Duration? = nil, tls: Duration? = nil
        ) {
            self.resolve = resolve
            self.connect = connect
            self.tunnel = tunnel
            self.tls = tls
        }
    }

    /// An egress path's id.
    package let path: String
    package let family: Family
    package let session: Session
    package let phases: Phases

    package init(path: String, family: Family, session: Session, phases: Phases) {
        self.path = path
        self.family = family
        self.session = session
        self.phases = phases
    }
}
