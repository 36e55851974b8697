extension Schema {
    /// One row: what the Vault needs to open any secret of the file, itself sealed. `revision` grows with each change.
    static let keyring = [
        """
        CREATE TABLE keyring (
            number INTEGER PRIMARY KEY CHECK (number = 1),
            revision INTEGER NOT NULL,
            sealed BLOB NOT NULL
        ) STRICT
        """
    ]
}
