/// What a relay that has just started prints: its address on standard output, and what to do next on standard error.
struct Greeting {
    let settings: Settings
    let hasKey: Bool

    @Sendable func show(port: Int) {
        let url = url(of: settings.listen, port)
        StandardOutput.line("relay listening on \(url)")
        let data = settings.data == Settings().data ? "" : " --data '\(settings.data)'"
        let key =
            hasKey
            ? "It has an upstream key."
            : "It has no upstream key yet; jobs wait until it does:\n  printf %s \"$ANTHROPIC_API_KEY\" | relay keys add default --rps 5\(data)"
        StandardError.write(
            """
            Data in \(settings.data), upstream \(settings.upstream). \(key)
            Next, give your programs a token and the address:
              export ANTHROPIC_BASE_URL=\(url) ANTHROPIC_API_KEY=$(relay tokens issue --tenant acme\(data))
              relay batch submit examples/batch.jsonl --wait --relay \(url)\(data)
            Ctrl-C drains and stops.

            """)
    }

    @Sendable func showAdmin(port: Int) {
        StandardOutput.line("relay admin routes on \(url(of: settings.adminListen, port))")
    }

    private func url(of listen: String, _ port: Int) -> String {
        "\(settings.scheme)://\(listen.prefix(upTo: listen.lastIndex(of: ":") ?? listen.endIndex)):\(port)"
    }
}
