/// Which network addresses the relay may connect to on somebody else's say-so: webhook receivers.
///
/// Public unicast addresses are allowed; private, loopback, link-local, multicast and reserved ones only if an
/// operator lists their network.
package struct AddressPolicy: Hashable, Sendable {
    package let allowed: [AddressRange]

    package init(allowed: [AddressRange]) {
        self.allowed = allowed
    }
}
