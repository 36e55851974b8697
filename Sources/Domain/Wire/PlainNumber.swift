extension Double {
    /// As people and Prometheus read it: whole numbers without a fraction.
    package var plainText: String { Int64(exactly: self).map(String.init) ?? String(self) }
}
