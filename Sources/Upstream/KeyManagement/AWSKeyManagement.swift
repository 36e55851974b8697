package import Domain
import FoundationEssentials

/// AWS KMS, spoken to through a ``Transport``.
package struct AWSKeyManagement: KeyManagementService {
    /// Who calls, and where.
    package struct Account: Hashable, Sendable {
        package let keyID: String
        package let secret: Secret
        /// Of temporary credentials; nil for lasting ones.
        package let sessionToken: Secret?
        package let region: String

        package init(keyID: String, secret: Secret, sessionToken: Secret?, region: String) {
            self.keyID = keyID
            self.secret = secret
            self.sessionToken = sessionToken
            self.region = region
        }
    }

    /// Bound to every wrapped key: what was wrapped for something else does not open.
    private static let context = ["application": "claude-relay", "purpose": "master-key"]
    private static let limit = 64 * 1024
    private static let timeouts = Timeouts(
        connect: .seconds(5), firstByte: .seconds(10), idle: .seconds(5), total: .seconds(15))

    private let account: Account
    private let endpoint: String
    private let transport: any Transport

    /// - Parameter endpoint: another URL than the region's; nil for that.
    package init(account: Account, endpoint: String?, transport: any Transport) {
        self.account = account
        self.endpoint = endpoint ?? "https://kms.\(account.region).amazonaws.com"
        self.transport = transport
    }

    private struct Command: Encodable {
        let KeyId: String
        let EncryptionContext: [String: String]
        var KeySpec: String?
        var CiphertextBlob: Data?
    }

    private struct Reply: Decodable {
        let Plaintext: Data
        let CiphertextBlob: Data?
    }

    private struct Fault: Decodable {
        let type: String?

        enum CodingKeys: String, CodingKey {
            case type = "__type"
        }
    }

    package func makeKey(under keyID: String) async throws(RelayError) -> (plain: Secret, wrapped: [UInt8]) {
        let reply = try await call(
            "GenerateDataKey", Command(KeyId: keyID, EncryptionContext: Self.context, KeySpec: "AES_256"))
        guard let wrapped = reply.CiphertextBlob else { throw unusable("GenerateDataKey", keyID, "gave no ciphertext") }
        return (Secret(bytes: Array(reply.Plaintext)), Array(wrapped))
    }

    package func openKey(_ wrapped: [UInt8], under keyID: String) async throws(RelayError) -> Secret {
        let reply = try await call(
            "Decrypt", Command(KeyId: keyID, EncryptionContext: Self.context, CiphertextBlob: Data(wrapped)))
        return Secret(bytes: Array(reply.Plaintext))
    }

    private func call(_ action: String, _ command: Command) async throws(RelayError) -> Reply {
        guard let body = try? JSONEncoder().encode(command) else {
            throw unusable(action, command.KeyId, "could not be asked")
        }
        let reply: UpstreamReply
        do {
            reply = try await transport.exchange(request(action, Array(body)), over: .direct, limit: Self.limit)
        } catch {
            throw unusable(action, command.KeyId, "did not answer: \(error.detail)")
        }
        guard reply.status == 200 else {
            let fault = try? JSONDecoder().decode(Fault.self, from: Data(reply.body))
            let name = (fault?.type).map { $0.filter { $0.isLetter || $0.isNumber || ".#_".contains($0) }.prefix(80) }
            throw unusable(action, command.KeyId, "answered HTTP \(reply.status)\(name.map { " \($0)" } ?? "")")
        }
        guard let answer = try? JSONDecoder().decode(Reply.self, from: Data(reply.body)) else {
            throw unusable(action, command.KeyId, "gave an answer of another form")
        }
        return answer
    }

    private func request(_ action: String, _ body: [UInt8]) -> HTTPRequest {
        var headers = [
            HeaderField("content-type", "application/x-amz-json-1.1"), HeaderField("accept", "*/*"),
            HeaderField("x-amz-target", "TrentService.\(action)"),
        ]
        if let token = account.sessionToken { headers.append(HeaderField("x-amz-security-token", token.reveal())) }
        return HTTPRequest(
            method: "POST", url: endpoint + "/", headers: headers, body: body, timeouts: Self.timeouts,
            signing: AWSSigning(
                keyID: account.keyID, secret: account.secret, region: account.region, service: "kms"))
    }

    private func unusable(_ action: String, _ keyID: String, _ what: String) -> RelayError {
        RelayError(
            .keyServiceUnavailable, "AWS KMS at \(endpoint) \(what) (\(action) with key \(keyID)).",
            remedy: "Check AWS_REGION, the credentials in the environment, the key's policy and the network.")
    }
}
