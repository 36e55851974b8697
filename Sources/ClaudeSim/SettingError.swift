/// A setting that cannot be used; the text says what was met and what is accepted.
struct SettingError: Error, Hashable, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
