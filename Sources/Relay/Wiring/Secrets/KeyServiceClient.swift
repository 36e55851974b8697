import Domain
import FoundationEssentials
import Upstream

/// Calls AWS KMS with the credentials of the environment, or of the file that it names.
enum KeyServiceClient {
    static var region: String? {
        let environment = ProcessInfo.processInfo.environment
        return environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"]
    }

    /// Runs `body` with a client that is gone afterwards.
    /// - Throws: `key_service_unavailable` if the environment lacks a credential.
    static func use<Value: Sendable>(
        endpoint: String, _ body: (any KeyManagementService) async throws(RelayError) -> Value
    ) async throws(RelayError) -> Value {
        let account = try account()
        let transport = try CurlTransport()
        defer { transport.shutdown() }
        return try await body(
            AWSKeyManagement(account: account, endpoint: endpoint.isEmpty ? nil : endpoint, transport: transport))
    }

    private static func account() throws(RelayError) -> AWSKeyManagement.Account {
        var environment = ProcessInfo.processInfo.environment
        if environment["AWS_ACCESS_KEY_ID"] == nil, let file = AWSCredentialsFile(environment) {
            environment.merge(try file.values()) { _, ours in ours }
        }
        guard let keyID = environment["AWS_ACCESS_KEY_ID"], !keyID.isEmpty,
            let secret = environment["AWS_SECRET_ACCESS_KEY"], !secret.isEmpty, let region, !region.isEmpty
        else {
            throw RelayError(
                .keyServiceUnavailable,
                "The master key is in AWS KMS, and the environment does not say how to get there.",
                remedy: "Set AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), or "
                    + "AWS_REGION and AWS_SHARED_CREDENTIALS_FILE.")
        }
        return AWSKeyManagement.Account(
            keyID: keyID, secret: Secret(secret), sessionToken: environment["AWS_SESSION_TOKEN"].map { Secret($0) },
            region: region)
    }
}
