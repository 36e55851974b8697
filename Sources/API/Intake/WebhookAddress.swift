package import Domain
import FoundationEssentials

/// Which URLs a receiver may have. Which addresses they may lead to is checked when they are called, and the port again.
package struct WebhookAddress: Hashable, Sendable {
    private static let lengthLimit = 2048
    let allowsHTTP: Bool
    let ports: PortSet

    package init(allowsHTTP: Bool, ports: PortSet) {
        self.allowsHTTP = allowsHTTP
        self.ports = ports
    }

    /// - Throws: `webhook_refused`, with what was met and what is allowed.
    package func check(_ text: String) throws(RelayError) {
        guard text.utf8.count <= Self.lengthLimit, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
            let url = URL(string: text), let scheme = url.scheme?.lowercased(), let host = url.host(), !host.isEmpty
        else { throw refusal("is not a URL with a host of at most \(Self.lengthLimit) ASCII characters") }
        guard url.user() == nil, url.password() == nil, !text.contains("@") || url.host()?.contains("@") == false else {
            throw refusal("carries credentials")
        }
        guard !text.contains("#") else { throw refusal("has a fragment, which is never sent") }
        guard scheme == "https" || (scheme == "http" && allowsHTTP) else {
            throw refusal("has the scheme \(scheme.prefix(16)); allowed is https\(allowsHTTP ? " or http" : "")")
        }
        let port = url.port ?? (scheme == "https" ? 443 : 80)
        guard let port = UInt16(exactly: port), ports.contains(port) else {
            throw refusal("has the port \(port); allowed are \(ports.text)")
        }
    }

    private func refusal(_ fact: String) -> RelayError {
        RelayError(
            .webhookRefused, "The webhook URL \(fact).",
            remedy: "Use an https URL without user name, password and fragment; plain http needs webhooks.allow_http, "
                + "another port webhooks.allow_ports.")
    }
}
