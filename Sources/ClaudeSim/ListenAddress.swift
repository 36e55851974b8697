/// `HOST:PORT`, with brackets around an IPv6 host.
struct ListenAddress: Hashable, Sendable {
    let host: String
    let port: Int

    init(_ text: String) throws(SettingError) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port), colon > text.startIndex
        else { throw SettingError("'\(text)' is not an address: use HOST:PORT, for example 127.0.0.1:8788.") }
        let name = text[..<colon]
        host = String(name.hasPrefix("[") && name.hasSuffix("]") ? name.dropFirst().dropLast() : name)
        self.port = port
    }

    /// The host as a URL writes it.
    var urlHost: String { host.contains(":") ? "[\(host)]" : host }
}
