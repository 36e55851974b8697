/// A refusal or failure that a person or a program reads: what was met, what is allowed, what to do next.
package struct RelayError: Error, Hashable, Sendable, CustomStringConvertible {
    package let code: ErrorCode
    /// What was met and what is allowed. No secrets.
    package let message: String
    /// One imperative sentence: what to do next.
    package let remedy: String
    /// How long to wait before the same call can succeed; nil if waiting does not help.
    package let retryAfter: Duration?
    /// Whether a client's library should not repeat the call by itself: it may have been executed, and was tried enough.
    package let isFinal: Bool

    package init(
        _ code: ErrorCode, _ message: String, remedy: String, retryAfter: Duration? = nil, isFinal: Bool = false
    ) {
        self.isFinal = isFinal
        self.code = code
        self.message = message
        self.remedy = remedy
        self.retryAfter = retryAfter
    }

    package var description: String { "\(message) \(remedy) [\(code.rawValue)]" }
}
