import Domain
import Glibc

/// Reads a secret from standard input; at a terminal, without showing it.
enum SecretInput {
    private static let limit = 4096

    static func read(prompt: String) throws(RelayError) -> Secret {
        let isTerminal = isatty(STDIN_FILENO) == 1
        if isTerminal { StandardError.write(prompt) }
        let line = isTerminal ? withoutEcho { readLine() } : readLine()
        if isTerminal { StandardError.line("") }
        let text = (line ?? "").trimmingWhitespace()
        guard !text.isEmpty else {
            throw RelayError(
                .argumentInvalid, "Standard input held no key.",
                remedy: "Pipe it in: printf %s \"$ANTHROPIC_API_KEY\" | relay keys add NAME")
        }
        guard text.utf8.count <= limit, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw RelayError(
                .argumentInvalid,
                "The key holds spaces, control or non-ASCII characters, or more than \(limit) characters.",
                remedy: "Check what was piped in.")
        }
        return Secret(text)
    }

    private static func withoutEcho<Result>(_ body: () -> Result) -> Result {
        var original = termios()
        tcgetattr(STDIN_FILENO, &original)
        var silent = original
        silent.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
        defer { tcsetattr(STDIN_FILENO, TCSAFLUSH, &original) }
        return body()
    }
}

extension String {
    /// Without leading and trailing ASCII white space.
    fileprivate func trimmingWhitespace() -> String {
        let isSpace = { (character: Character) in character.isWhitespace }
        let tail = drop(while: isSpace).reversed().drop(while: isSpace)
        return String(tail.reversed())
    }
}
