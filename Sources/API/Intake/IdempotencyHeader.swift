import Domain
import HTTPTypes

/// The `Idempotency-Key` of a submission.
enum IdempotencyHeader {
    /// nil if there is none.
    static func key(_ headers: HTTPFields) throws(RelayError) -> String? {
        guard let key = headers[.idempotencyKey] else { return nil }
        guard (1...255).contains(key.utf8.count) else {
            throw RelayError(
                .headerInvalid, "The Idempotency-Key has \(key.utf8.count) bytes; allowed are 1 to 255.",
                remedy: "Send a shorter one, such as a UUID.")
        }
        return key
    }
}
