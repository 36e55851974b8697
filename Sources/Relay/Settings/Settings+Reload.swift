extension Settings {
    /// Keys that a running process takes over on SIGHUP; `egress`, `pacing.limits` and `tokens.issuers`, which are lists of
    /// their own, too. All others need a restart.
    private static let reloadable: Set<String> = [
        "egress_regions", "limits.batch_body", "limits.batch_lifetime", "limits.body", "limits.body_memory",
        "limits.bulk_lines", "limits.wait", "log.level", "pacing.interactive_share", "pacing.ramp_up",
        "pacing.token_burst", "prices.file", "sync.max_attempts", "sync.patience", "webhooks.rotation_overlap",
    ]

    /// The keys by which these differ from `running` and which a running process cannot take over, in the order of the
    /// documentation.
    func needingRestart(over running: Settings) -> [String] {
        Setting.all
            .filter { !Self.reloadable.contains($0.key) && $0.text(in: self) != $0.text(in: running) }
            .map(\.key)
    }
}
