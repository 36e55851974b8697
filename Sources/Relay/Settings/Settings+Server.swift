import API
import Domain

extension Settings {
    /// Where operators' routes are served apart; nil: with all others.
    /// - Throws: `configuration_invalid`.
    func adminAddress() throws(RelayError) -> ListenAddress? {
        guard !adminListen.isEmpty else { return nil }
        let address = try ListenAddress(adminListen)
        guard adminListen != listen || address.port == 0 else {
            throw RelayError(
                .configurationInvalid, "admin.listen and listen are both '\(listen)'; allowed are two addresses.",
                remedy: "Give one of them another port, or leave admin.listen out.")
        }
        return address
    }

    /// What the relay shows its clients; nil: plain HTTP.
    /// - Throws: `configuration_invalid` if the files cannot be used, or only one is named.
    func tlsCredentials() throws(RelayError) -> TLSCredentials? {
        guard !tlsCertificate.isEmpty || !tlsKey.isEmpty else { return nil }
        guard !tlsCertificate.isEmpty, !tlsKey.isEmpty else {
            throw RelayError(
                .configurationInvalid, "Of tls.certificate and tls.key only one is set; allowed are both or none.",
                remedy: "Name both files.")
        }
        return try TLSCredentials(certificate: tlsCertificate, key: tlsKey)
    }

    /// What one request may ask for.
    var requestLimits: RequestLimits {
        var limits = RequestLimits()
        limits.bodyLimit = bodyLimit
        limits.batchBodyLimit = batchBodyLimit
        limits.bodyMemory = max(bodyMemory, bodyLimit)
        limits.batchLifetime = batchLifetime
        limits.bulkLineLimit = bulkLines
        limits.longestWait = longestWait
        limits.patience = syncPatience
        limits.maxAttempts = syncAttempts
        limits.rotationOverlap = webhookRotationOverlap
        return limits
    }

    /// `http` or `https`, as clients write it.
    var scheme: String { tlsCertificate.isEmpty ? "http" : "https" }
}
