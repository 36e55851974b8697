import Domain

/// `HOST:PORT`, the host an address or name, IPv6 in brackets.
struct ListenAddress {
    let host: String
    let port: Int

    init(_ text: String) throws(RelayError) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port), colon != text.startIndex
        else {
            throw RelayError(
                .configurationInvalid, "The address to listen on is '\(text)'; allowed is HOST:PORT.",
                remedy: "Give, for example, --listen 127.0.0.1:8787.")
        }
        let host = text[..<colon]
        self.host = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : String(host)
        self.port = port
    }
}
