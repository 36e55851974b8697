package import Domain

/// With what libcurl signs a request for AWS (signature version 4).
package struct AWSSigning: Hashable, Sendable {
    package let keyID: String
    package let secret: Secret
    package let region: String
    /// `kms`, for example.
    package let service: String

    package init(keyID: String, secret: Secret, region: String, service: String) {
        self.keyID = keyID
        self.secret = secret
        self.region = region
        self.service = service
    }
}
