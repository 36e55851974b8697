import Domain
import Synchronization
import Webhook

/// Prints each callback that arrives: whether its signature is right, and what it says.
final class CallbackPrinter: Sendable {
    private static let remembered = 10_000
    private let verifier: WebhookVerifier
    private let status: Int
    private let printsBody: Bool
    /// Ids met, to tell repetitions.
    private let seen = Mutex<Set<String>>([])

    init(verifier: WebhookVerifier, status: Int, printsBody: Bool) {
        self.verifier = verifier
        self.status = status
        self.printsBody = printsBody
    }

    /// - Returns: the status to answer with: 401 for what is not signed rightly.
    func take(_ headers: [HeaderField], _ body: [UInt8]) -> Int {
        let now = SystemClock().now()
        let finding = verifier.check(headers, body, at: now)
        let id = headers.first("webhook-id") ?? "-"
        let type = (try? JSONFields(body)).flatMap { fields in fields.member("type").flatMap(fields.string) }
        let again = isKnown(id) ? " (again)" : ""
        let word = finding == .verified ? "verified" : "REFUSED"
        StandardOutput.line("\(now.rfc3339)  \(word)  \(id)  \(type ?? "-")\(again)")
        if finding != .verified { StandardOutput.line("    \(finding.rawValue)") }
        if printsBody { StandardOutput.write(body + Array("\n".utf8)) }
        return finding == .verified ? status : 401
    }

    private func isKnown(_ id: String) -> Bool {
        seen.withLock { seen in
            if seen.count >= Self.remembered { seen.removeAll() }
            return !seen.insert(id).inserted
        }
    }
}
