import Domain

/// The rules for the upstream's URL: `http(s)://host[:port][/prefix]` and nothing else.
///
/// Without its scheme libcurl would guess one, and `http` sends the key in the clear.
enum UpstreamAddress {
    /// - Throws: `configuration_invalid`.
    static func check(_ url: String) throws(RelayError) {
        guard let host = host(of: url), !host.isEmpty, !url.contains(where: { "?#@ ".contains($0) || $0.isNewline })
        else {
            throw RelayError(
                .configurationInvalid, "The upstream is '\(url)'; allowed is http(s)://HOST[:PORT][/PREFIX].",
                remedy: "Correct --upstream, RELAY_UPSTREAM or upstream in the file.")
        }
    }

    /// The same for an endpoint of AWS KMS, where plain http may not leave this machine. Empty is none.
    static func checkKeyService(_ url: String) throws(RelayError) {
        guard !url.isEmpty else { return }
        guard let host = host(of: url), !host.isEmpty, !isCleartext(url), !url.contains(where: { "?#@ ".contains($0) })
        else {
            throw RelayError(
                .configurationInvalid,
                "vault.kms_endpoint is '\(url)'; allowed is https://HOST[:PORT], or http to this machine.",
                remedy: "Correct it and start again.")
        }
    }

    /// Whether calls leave this machine unencrypted.
    static func isCleartext(_ url: String) -> Bool {
        guard url.lowercased().hasPrefix("http://"), let host = host(of: url) else { return false }
        return !(host == "localhost" || host.hasPrefix("127.") || host == "[::1]")
    }

    /// Without the port; nil unless the URL begins with a scheme that is allowed.
    private static func host(of url: String) -> String? {
        let lower = url.lowercased()
        guard let scheme = ["https://", "http://"].first(where: lower.hasPrefix) else { return nil }
        let authority = lower.dropFirst(scheme.count).prefix { $0 != "/" }
        if authority.hasPrefix("[") { return authority.firstIndex(of: "]").map { String(authority[...$0]) } }
        return String(authority.prefix { $0 != ":" })
    }
}
