/// The price list that the relay ships. `relay config prices` prints it.
enum ShippedPrices {
    /// When it was last changed. Change both together.
    static let date = "2026-11-26"

    static let yaml = """
        # Prices of the Claude API in US dollars for a million tokens: of \(date), WITHOUT WARRANTY.
        #
        # CHECK THEM against your contract and https://www.anthropic.com/pricing: they come from no list of the provider, prices
        # change, and this list does not know of it, nor of discounts, of dearer long prompts, or of tools that are charged by
        # the use. Copy it to a file, correct it, name the file as prices.file, and send the relay SIGHUP.
        #
        # Of the entries that match a model the first one counts; a * at the end of a name stands for any rest. A model that
        # is on no entry is reserved and charged at the dearest prices of the list, and reported as unpriced.
        #
        # Only input and output are required. Without them, cache_write_5m is 1.25 x input, cache_write_1h 2 x input, and
        # cache_read 0.1 x input. The relay's Message Batches are sent as single calls, and so cost as much as those.
        models:
          - {model: claude-opus-4-5*, input: 5, output: 25}
          - {model: claude-opus-4*, input: 15, output: 75}
          - {model: claude-sonnet-4*, input: 3, output: 15}
          - {model: claude-haiku-4-5*, input: 1, output: 5}
          - {model: claude-3-7-sonnet*, input: 3, output: 15}
          - {model: claude-3-5-sonnet*, input: 3, output: 15}
          - {model: claude-3-5-haiku*, input: 0.8, output: 4}
          - {model: claude-3-opus*, input: 15, output: 75}
          - {model: claude-3-haiku*, input: 0.25, output: 1.25, cache_write_5m: 0.3, cache_write_1h: 0.5, cache_read: 0.03}
        """
}
