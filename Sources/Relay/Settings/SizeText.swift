/// Byte counts as people write them: a whole number and nothing, `B`, `KiB`, `MiB` or `GiB`.
enum SizeText {
    private static let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)]

    /// nil if `text` is not of that form or does not fit.
    static func parse(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let suffix = text.dropFirst(digits.count)
        guard let number = Int(digits) else { return nil }
        if suffix.isEmpty { return number }
        guard let unit = units.first(where: { $0.0 == suffix }) else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit.1)
        return overflow ? nil : product
    }

    /// In the largest unit that leaves a whole number.
    static func print(_ bytes: Int) -> String {
        for (name, size) in units where bytes != 0 && bytes % size == 0 { return "\(bytes / size)\(name)" }
        return "0B"
    }
}
