import Domain
import Glibc
import Upstream

/// The file of `upstream_tls.ca_file`: who may sign for the upstream. libcurl alone would find fault with it at each call.
struct AuthorityFile {
    /// nil for the system's authorities.
    let path: String?

    /// - Throws: `configuration_invalid` if the file cannot be read or holds no certificate.
    init(_ path: String) throws(RelayError) {
        self.path = path.isEmpty ? nil : path
        guard self.path == nil || Self.holdsCertificate(path) else {
            throw RelayError(
                .configurationInvalid,
                "upstream_tls.ca_file is '\(path)'; allowed is a readable file with certificates in PEM.",
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

extension CurlTransport {
    /// One that calls the upstream as the settings say.
    convenience init(
        upstreamOf settings: Settings, observer: (any TransportObserver)? = nil
    ) throws(RelayError) {
        try self.init(authorities: AuthorityFile(settings.authorityFile).path, observer: observer)
    }
}
