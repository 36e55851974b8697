import Domain
import FoundationEssentials

/// The upstream key that `ANTHROPIC_API_KEY` holds.
enum EnvironmentKey {
    static var secret: Secret? {
        guard let text = ProcessInfo.processInfo.environment["ANTHROPIC_API_KEY"], !text.isEmpty else { return nil }
        return Secret(text)
    }
}
