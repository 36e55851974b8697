import Domain

/// One configuration key: its name in the file, its kind and range, and where its value goes.
struct Setting: Sendable {
    enum Kind: Sendable {
        case text(any WritableKeyPath<Settings, String> & Sendable)
        case flag(any WritableKeyPath<Settings, Bool> & Sendable)
        case count(any WritableKeyPath<Settings, Int> & Sendable, ClosedRange<Int>)
        case size(any WritableKeyPath<Settings, Int> & Sendable, ClosedRange<Int>)
        case duration(any WritableKeyPath<Settings, Duration> & Sendable, ClosedRange<Duration>)
        case list(any WritableKeyPath<Settings, [String]> & Sendable)
    }

    /// As in the file, groups joined by dots: `worker.lease`.
    let key: String
    let kind: Kind

    private init(_ key: String, _ kind: Kind) {
        self.key = key
        self.kind = kind
    }

    static let all: [Setting] = [
        Setting("data", .text(\.data)),
        Setting("listen", .text(\.listen)),
        Setting("upstream", .text(\.upstream)),
        Setting("public_url", .text(\.publicURL)),
        Setting("log.level", .text(\.logLevel)),
        Setting("admin.listen", .text(\.adminListen)),
        Setting("tls.certificate", .text(\.tlsCertificate)),
        Setting("tls.key", .text(\.tlsKey)),
        Setting("server.connections", .count(\.connections, 1...1_000_000)),
        Setting("server.connections_per_address", .count(\.connectionsPerAddress, 0...1_000_000)),
        Setting("server.header_timeout", .duration(\.headerTimeout, .milliseconds(100) ... .seconds(3600))),
        Setting("server.body_idle_timeout", .duration(\.bodyIdleTimeout, .milliseconds(100) ... .seconds(3600))),
        Setting("server.body_rate", .size(\.bodyRate, 0...1_073_741_824)),
        Setting("server.answer_rate", .size(\.answerRate, 0...1_073_741_824)),
        Setting("server.idle_timeout", .duration(\.serverIdleTimeout, .seconds(1) ... .seconds(3600))),
        Setting("limits.header_bytes", .size(\.headerBytes, 4096...1_048_576)),
        Setting("limits.header_count", .count(\.headerCount, 16...10_000)),
        Setting("limits.uri", .size(\.targetBytes, 256...1_048_576)),
        Setting("limits.body", .size(\.bodyLimit, 1024...1_073_741_824)),
        Setting("limits.batch_body", .size(\.batchBodyLimit, 1024...1_073_741_824)),
        Setting("limits.body_memory", .size(\.bodyMemory, 1_048_576...1_099_511_627_776)),
        Setting("limits.batch_lifetime", .duration(\.batchLifetime, .seconds(1) ... .seconds(2_592_000))),
        Setting("limits.bulk_lines", .count(\.bulkLines, 1...100_000_000)),
        Setting("limits.queue_depth", .count(\.queueDepth, 1...1_000_000_000)),
        Setting("limits.wait", .duration(\.longestWait, .seconds(1) ... .seconds(600))),
        Setting("worker.concurrency", .count(\.concurrency, 1...10_000)),
        Setting("worker.lease", .duration(\.lease, .seconds(1) ... .seconds(3600))),
        Setting("worker.drain", .duration(\.drain, .zero ... .seconds(3600))),
        Setting("worker.bytes_in_flight", .size(\.bytesInFlight, 1_048_576...1_099_511_627_776)),
        Setting("retention.age", .duration(\.retentionAge, .zero ... .seconds(3_153_600_000))),
        Setting("retention.size", .size(\.retentionSize, 0...Int.max)),
        Setting("retry.max_attempts", .count(\.retryAttempts, 1...1000)),
        Setting("retry.max_elapsed", .duration(\.retryElapsed, .seconds(1) ... .seconds(2_592_000))),
        Setting("retry.base", .duration(\.retryBase, .milliseconds(1) ... .seconds(60))),
        Setting("retry.cap", .duration(\.retryCap, .milliseconds(1) ... .seconds(3600))),
        Setting("sync.patience", .duration(\.syncPatience, .zero ... .seconds(600))),
        Setting("sync.max_attempts", .count(\.syncAttempts, 1...20)),
        Setting("sync.drain", .duration(\.syncDrain, .zero ... .seconds(3600))),
        Setting("sync.forward_other_paths", .flag(\.forwardOtherPaths)),
        Setting("sync.write_timeout", .duration(\.syncWriteTimeout, .milliseconds(100) ... .seconds(3600))),
        Setting("sync.share_retries", .flag(\.shareRetries)),
        Setting("sync.retry_grace", .duration(\.retryGrace, .zero ... .seconds(60))),
        Setting("pacing.interactive_share", .count(\.interactiveShare, 0...90)),
        Setting("pacing.token_burst", .duration(\.tokenBurst, .zero ... .seconds(60))),
        Setting("pacing.ramp_up", .duration(\.rampUp, .zero ... .seconds(3600))),
        Setting("prices.file", .text(\.priceFile)),
        Setting("egress_regions", .list(\.egressRegions)),
        Setting("egress_probe.keep_warm", .duration(\.keepWarm, .zero ... .seconds(300))),
        Setting("egress_probe.interval", .duration(\.probeInterval, .zero ... .seconds(604_800))),
        Setting("egress_probe.timeout", .duration(\.probeTimeout, .milliseconds(100) ... .seconds(300))),
        Setting("tokens.key_lifetime", .duration(\.tokenKeyLifetime, .seconds(1) ... .seconds(604_800))),
        Setting("tokens.ca_file", .text(\.tokenAuthorityFile)),
        Setting("tokens.failed_attempts", .count(\.failedAttempts, 1...1_000_000)),
        Setting("webhooks.allow_http", .flag(\.webhookAllowHTTP)),
        Setting("webhooks.allow_networks", .list(\.webhookAllowNetworks)),
        Setting("webhooks.allow_ports", .list(\.webhookAllowPorts)),
        Setting("webhooks.timeout", .duration(\.webhookTimeout, .seconds(1) ... .seconds(120))),
        Setting("webhooks.inline_limit", .size(\.webhookInlineLimit, 0...33_554_432)),
        Setting("webhooks.concurrency", .count(\.webhookConcurrency, 1...10_000)),
        Setting("webhooks.endpoint_concurrency", .count(\.webhookEndpointConcurrency, 1...1000)),
        Setting("webhooks.endpoints_per_tenant", .count(\.webhookEndpoints, 1...1000)),
        Setting("webhooks.changes_per_minute", .count(\.webhookChanges, 0...100_000)),
        Setting("webhooks.schedule", .list(\.webhookSchedule)),
        Setting("webhooks.disable_after", .duration(\.webhookDisableAfter, .seconds(60) ... .seconds(31_536_000))),
        Setting("webhooks.rotation_overlap", .duration(\.webhookRotationOverlap, .zero ... .seconds(2_592_000))),
        Setting("vault.master_key", .text(\.masterKey)),
        Setting("vault.kms_endpoint", .text(\.kmsEndpoint)),
        Setting("vault.encrypt_payloads", .flag(\.encryptPayloads)),
        Setting("upstream_tls.ca_file", .text(\.authorityFile)),
        Setting("egress_tls.ca_file", .text(\.proxyAuthorityFile)),
        Setting("upstream_timeouts.connect", .duration(\.connectTimeout, .milliseconds(100) ... .seconds(600))),
        Setting("upstream_timeouts.first_byte", .duration(\.firstByteTimeout, .milliseconds(100) ... .seconds(7200))),
        Setting("upstream_timeouts.idle", .duration(\.idleTimeout, .milliseconds(100) ... .seconds(7200))),
        Setting("upstream_timeouts.total", .duration(\.totalTimeout, .milliseconds(100) ... .seconds(86_400))),
        Setting("upstream_timeouts.unacknowledged", .duration(\.unacknowledgedTimeout, .seconds(5) ... .seconds(3600))),
    ]

    /// Puts the value written as `text` into `settings`.
    /// - Throws: `configuration_invalid` with what was met and what is allowed.
    func apply(_ text: String, to settings: inout Settings) throws(RelayError) {
        switch kind {
        case .text(let path): settings[keyPath: path] = text
        case .list(let path): settings[keyPath: path] = [text]
        case .flag(let path):
            guard let flag = Bool(text) else { throw refusal(of: text, allowed: "true or false") }
            settings[keyPath: path] = flag
        case .count(let path, let range):
            guard let count = Int(text), range.contains(count) else {
                throw refusal(of: text, allowed: "a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            settings[keyPath: path] = count
        case .size(let path, let range):
            guard let size = SizeText.parse(text), range.contains(size) else {
                throw refusal(
                    of: text,
                    allowed: "a size from \(SizeText.print(range.lowerBound)) to \(SizeText.print(range.upperBound))")
            }
            settings[keyPath: path] = size
        case .duration(let path, let range):
            guard let duration = DurationText.parse(text), range.contains(duration) else {
                let (least, most) = (DurationText.print(range.lowerBound), DurationText.print(range.upperBound))
                throw refusal(of: text, allowed: "a duration from \(least) to \(most), such as 250ms, 30s, 5m or 24h")
            }
            settings[keyPath: path] = duration
        }
    }

    /// The value in `settings` as it would be written in the file.
    func text(in settings: Settings) -> String {
        switch kind {
        case .text(let path): settings[keyPath: path]
        case .list(let path): "[" + settings[keyPath: path].joined(separator: ", ") + "]"
        case .flag(let path): String(settings[keyPath: path])
        case .count(let path, _): String(settings[keyPath: path])
        case .size(let path, _): SizeText.print(settings[keyPath: path])
        case .duration(let path, _): DurationText.print(settings[keyPath: path])
        }
    }

    private func refusal(of text: String, allowed: String) -> RelayError {
        RelayError(
            .configurationInvalid, "\(key) is '\(text)'; allowed is \(allowed).", remedy: "Correct it and start again.")
    }
}
