extension RelayError {
    /// Somebody has had the tenant's data erased.
    package static let payloadErased = RelayError(
        .payloadErased, "This belongs to data of the tenant that was erased, and can never be read again.",
        remedy: "Submit it again if it is still wanted.")

    /// A payload is not what was sealed for its place.
    package static func payloadUnreadable(_ place: PayloadPlace) -> RelayError {
        RelayError(
            .sealedValueUnreadable,
            "The stored \(place) does not open: it was changed, or belongs to another row.",
            remedy: "Run relay doctor, and restore a backup of the store if more of them do not.", isFinal: true)
    }

    /// Whoever opened the store has no keys for it.
    package static let payloadKeyless = RelayError(
        .sealedValueUnreadable, "What was asked for is sealed, and the store's keyring is not open here.",
        remedy: "Make the master key available (vault.master_key); relay doctor says what is wrong with it.")
}
