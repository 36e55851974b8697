import Domain
import Glibc
import Upstream

/// A file of certificate authorities: who may sign for the upstream, or for proxies. libcurl alone would find fault with it
/// at each call.
struct AuthorityFile {
    /// nil for the system's authorities.
    let path: String?

    /// - Parameter setting: where the path stands, for people.
    /// - Throws: `configuration_invalid` if the file cannot be read or holds no certificate.
    init(_ path: String, in setting: String) throws(RelayError) {
        self.path = path.isEmpty ? nil : path
        guard self.path == nil || Self.holdsCertificate(path) else {
            throw RelayError(
                .configurationInvalid,
                "\(setting) is '\(path)'; allowed is a readable file with certificates in PEM.",
                remedy: "Correct it and start again.")
        }
    }

    private static func holdsCertificate(_ path: String) -> Bool {
        guard let file = fopen(path, "re") else { return false }
        defer { fclose(file) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while getline(&line, &capacity, file) > 0 {
            if let line, strncmp(line, "-----BEGIN CERTIFICATE-----", 27) == 0 { return true }
        }
        return false
    }
}

extension Settings {
    /// - Throws: `configuration_invalid` if a file cannot be used.
    func authorities() throws(RelayError) -> TrustedAuthorities {
        TrustedAuthorities(
            servers: try AuthorityFile(authorityFile, in: "upstream_tls.ca_file").path,
            proxies: try AuthorityFile(proxyAuthorityFile, in: "egress_tls.ca_file").path)
    }
}

extension CurlTransport {
    /// One that calls the upstream as the settings say.
    convenience init(
        upstreamOf settings: Settings, observer: (any TransportObserver)? = nil
    ) throws(RelayError) {
        try self.init(authorities: settings.authorities(), observer: observer)
    }

    /// One that fetches issuers' keys as the settings say.
    convenience init(issuersOf settings: Settings) throws(RelayError) {
        let file = try AuthorityFile(settings.tokenAuthorityFile, in: "tokens.ca_file")
        try self.init(authorities: TrustedAuthorities(servers: file.path))
    }
}
