import Domain
import FoundationEssentials
import Vault

/// The file of `AWS_SHARED_CREDENTIALS_FILE`, as AWS's own tools read it: sections `[profile]` with `name = value` lines.
struct AWSCredentialsFile {
    private static let limit = 64 * 1024
    let path: String
    let profile: String

    /// nil if the environment names no file.
    init?(_ environment: [String: String]) {
        guard let path = environment["AWS_SHARED_CREDENTIALS_FILE"], !path.isEmpty else { return nil }
        self.path = path
        profile = environment["AWS_PROFILE"] ?? "default"
    }

    /// What its section says, by the names that the environment has for it (`AWS_ACCESS_KEY_ID` …).
    /// - Throws: `key_service_unavailable` if the file cannot be read, others may read it, or it has no such section.
    func values() throws(RelayError) -> [String: String] {
        let content: [UInt8]
        do throws(PrivateFile.Trouble) {
            content = try PrivateFile.read(path, limit: Self.limit)
        } catch {
            throw RelayError(
                .keyServiceUnavailable, "The credentials of AWS in \(path) cannot be used: the file \(error.what).",
                remedy: error.remedy)
        }
        guard let values = Self.section(profile, of: String(decoding: content, as: UTF8.self)) else {
            throw RelayError(
                .keyServiceUnavailable, "The file \(path) has no section [\(profile)].",
                remedy: "Add it, or name another one with AWS_PROFILE.")
        }
        return values
    }

    static func section(_ profile: String, of text: String) -> [String: String]? {
        var values: [String: String]?
        var isInside = false
        for line in text.split(whereSeparator: \.isNewline) {
            let words = trimmed(line)
            if words.hasPrefix("["), words.hasSuffix("]") {
                isInside = trimmed(words.dropFirst().dropLast()) == profile
                if isInside { values = values ?? [:] }
            } else if isInside, !words.hasPrefix("#"), !words.hasPrefix(";"), let sign = words.firstIndex(of: "=") {
                values?[trimmed(words[..<sign]).uppercased()] = trimmed(words[words.index(after: sign)...])
            }
        }
        return values
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
