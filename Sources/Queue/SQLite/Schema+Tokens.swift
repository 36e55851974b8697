extension Schema {
    /// Version 6. `kind` of a revocation: 0 one token, by its `jti`; 1 a tenant. `scopes` are words separated by commas.
    static let tokens = [
        """
        CREATE TABLE api_keys (
            id TEXT PRIMARY KEY,
            prefix TEXT NOT NULL UNIQUE,
            hash BLOB NOT NULL,
            tenant TEXT NOT NULL,
            scopes TEXT NOT NULL,
            name TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            expires_at INTEGER,
            revoked_at INTEGER,
            last_used_at INTEGER
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE revocations (
            kind INTEGER NOT NULL, subject TEXT NOT NULL, since INTEGER NOT NULL, PRIMARY KEY (kind, subject)
        ) STRICT, WITHOUT ROWID
        """,
    ]
}
