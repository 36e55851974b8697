/// What one request may ask for. It can change while the API runs: what has begun goes on under the limits it began with.
package struct RequestLimits: Sendable {
    /// Bytes of one Messages body, of one submission, and of one line of a bulk submission.
    package var bodyLimit = 32 * 1024 * 1024
    /// Bytes of the body that creates a Message Batch.
    package var batchBodyLimit = 256 * 1024 * 1024
    /// Bytes of bodies, and of what waits for their ends, that the process holds at a time.
    package var bodyMemory = 1024 * 1024 * 1024
    /// What a Message Batch has not sent after this long expires.
    package var batchLifetime = Duration.seconds(86_400)
    /// Lines of one bulk submission.
    package var bulkLineLimit = 1_000_000
    /// The longest `?wait=`; longer ones are cut to it.
    package var longestWait = Duration.seconds(60)
    /// How long a synchronous call waits for a permit to be sent.
    package var patience = Duration.seconds(30)
    /// Attempts of one synchronous call, the first one included.
    package var maxAttempts = 3
    /// How long the secret before an endpoint's new one is signed with too.
    package var rotationOverlap = Duration.seconds(86_400)

    package init() {}
}
