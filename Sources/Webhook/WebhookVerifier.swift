package import Domain
import FoundationEssentials
import Vault

/// A receiver's side of Standard Webhooks: whether a callback was signed with one of its secrets, and lately. `v1` alone.
package struct WebhookVerifier: Sendable {
    /// How far a callback's time may be from now, either way.
    package static let tolerance = Duration.seconds(300)
    private let keys: [[UInt8]]

    /// - Parameter secrets: `whsec_…`; others are left out.
    package init(secrets: [Secret]) {
        keys = secrets.compactMap(StandardWebhooks.code(in:))
    }

    /// What was found of one callback.
    package enum Finding: String, Hashable, Sendable {
        case verified
        case notSigned = "webhook-id, webhook-timestamp or webhook-signature is missing"
        case outOfTime = "webhook-timestamp is more than 5 minutes from now, or no number"
        case forged = "no signature matches"
    }

    /// - Parameter headers: their names in lower case.
    package func check(_ headers: [HeaderField], _ body: [UInt8], at now: Timestamp) -> Finding {
        guard let id = headers.first("webhook-id"), let stamp = headers.first("webhook-timestamp"),
            let signatures = headers.first("webhook-signature")
        else { return .notSigned }
        guard let seconds = Int64(stamp), Self.tolerance >= Self.distance(seconds, from: now) else { return .outOfTime }
        let signed = Array("\(id).\(stamp).".utf8) + body
        let codes = keys.map { Digest.hmac(signed, key: $0) }
        let given = signatures.split(separator: " ").filter { $0.hasPrefix("v1,") }
            .compactMap { Data(base64Encoded: String($0.dropFirst(3))).map(Array.init) }
        let isRight = given.contains { one in codes.contains { Digest.areEqual(one, $0) } }
        return isRight ? .verified : .forged
    }

    private static func distance(_ seconds: Int64, from now: Timestamp) -> Duration {
        let difference = (now.microseconds / 1_000_000).subtractingReportingOverflow(seconds)
        return difference.overflow ? .seconds(Int64.max) : .seconds(difference.partialValue.magnitude)
    }
}
