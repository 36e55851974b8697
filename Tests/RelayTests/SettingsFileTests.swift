import Domain
import Testing
import Webhook

@testable import Relay

@Suite struct SettingsFileTests {
    private func read(_ text: String) throws -> Settings {
        var settings = Settings()
        try SettingsFile(path: "relay.yaml").apply(text: text, to: &settings)
        return settings
    }

    @Test func `an empty file changes nothing`() throws {
        for text in ["", "# only a comment\n", "worker:\n"] {
            let settings = try read(text)
            for setting in Setting.all { #expect(setting.text(in: settings) == setting.text(in: Settings())) }
        }
    }

    @Test(arguments: [
        "egress:\n  - {id: a, proxy: \"http://user:canary\"ss@host\"}\n", "canary: [", "a: 'canary\n", "a: *canary\n",
        "canary: 1\ncanary: 2\n", "a: canary\n\tb: canary\n", "a: !canary!!x {\n", "--- canary\n--- canary\n",
        "a: canary\u{1}\n",
    ])
    func `what is not YAML is refused with the place, never with what stands there`(text: String) throws {
        for read in [{ _ = try self.read($0) }, { _ = try PriceFile(path: "prices.yaml").list(in: $0) }] {
            let error = try #require(#expect(throws: RelayError.self) { try read(text) })
            #expect(!"\(error)".contains("canary") && !error.message.contains("canary"), "\(error)")
            #expect(!error.message.contains("ss@host"))
        }
    }

    @Test(arguments: [
        ("webhooks:\n  allow_ports: [443, {a: b}]\n", "relay.yaml:2: webhooks.allow_ports"),
        (
            "webhooks:\n  allow_networks:\n    - 10.0.0.0/8\n    - [127.0.0.0/8]\n",
            "relay.yaml:4: webhooks.allow_networks"
        ),
        (
            "tokens:\n  issuers:\n    - {issuer: a, algorithm: HS256, secret_file: /s, tenants: [b, {c: d}]}\n",
            "relay.yaml:3: tokens.issuers.tenants"
        ),
    ])
    func `a list with an entry that is no single value is refused`(text: String, words: String) throws {
        let error = try #require(throws: RelayError.self) { try read(text) }
        #expect(error.message.contains("\(words) has an entry that is not a single value"), "\(error.message)")
    }

    @Test func `each kind of value is read`() throws {
        let settings = try read(
            """
            listen: 0.0.0.0:9000
            limits: {body: 4MiB, wait: 90s}
            worker:
              concurrency: 7
              lease: 1500ms
            webhooks:
              allow_http: true
              allow_networks: ["127.0.0.0/8", "10.0.0.0/8"]
              allow_ports: [8443, 9000-9099]
              schedule: [1s, 5m]
            egress:
              - {id: a, proxy: "http://user:pass@127.0.0.1:3128"}
              - {id: b, source: 192.0.2.1}
              - {id: c, direct: true}
            """)
        #expect(settings.listen == "0.0.0.0:9000")
        #expect(settings.bodyLimit == 4 << 20)
        #expect(settings.longestWait == .seconds(90))
        #expect(settings.concurrency == 7)
        #expect(settings.lease == .milliseconds(1500))
        #expect(settings.webhookAllowHTTP)
        #expect(settings.webhookAllowNetworks == ["127.0.0.0/8", "10.0.0.0/8"])
        let rules = try WebhookRules(settings)
        #expect(rules.addresses.ports == PortSet(allowsHTTP: true, and: [8443...8443, 9000...9099]))
        #expect(rules.schedule.delays == [.seconds(1), .seconds(300)])
        #expect(settings.egress.map(\.id) == ["a", "b", "c"])
        #expect(settings.egress[0].route == .proxy(Secret("http://user:pass@127.0.0.1:3128")))
    }

    @Test func `limits of pacing are read for keys, organizations and their classes of models`() throws {
        let settings = try read(
            """
            pacing:
              interactive_share: 25
              limits:
                - {key: main, requests_per_second: 5, concurrency: 10}
                - {organization: acme, requests_per_minute: 600}
                - {organization: acme, workspace: dev, concurrency: 2}
                - {organization: acme, model_class: sonnet-4, input_tokens_per_minute: 450000, output_tokens_per_minute: 9e4}
            egress:
              - {id: a, direct: true, region: eu, weight: 3}
            egress_regions: [eu, us]
            """)
        let limits = settings.pacing.limits
        #expect(limits[.key("main")] == PacingLimits(rate: PacingRate(requestsPerSecond: 5), concurrency: 10))
        #expect(limits[.organization("acme", nil)] == PacingLimits(rate: PacingRate(requestsPerSecond: 10)))
        #expect(limits[.workspace("dev", of: "acme", nil)] == PacingLimits(concurrency: 2))
        let sonnet = try #require(limits[.organization("acme", ModelClass(model: "claude-sonnet-4"))])
        #expect(
            sonnet.input == TokenRate(tokensPerMinute: 450_000) && sonnet.output == TokenRate(tokensPerMinute: 90_000))
        #expect(
            settings.pacing.lines == [
                "key main: 5 requests/s, 10 in flight", "organization acme, each class of models: 10 requests/s",
                "organization acme, sonnet-4: 450000 input tokens/min, 90000 output tokens/min",
                "organization acme, workspace dev, each class of models: 2 in flight",
            ])
        #expect(settings.pacing.style.interactiveShare == 0.25)
        #expect(settings.egress == [EgressPath(id: "a", route: .direct, region: "eu", weight: 3)])
        #expect(settings.egressRegions == ["eu", "us"])
    }

    @Test(arguments: [
        ("pacing: {limits: [{key: a}]}", "sets no limit"),
        ("pacing: {limits: [{requests_per_second: 3}]}", "needs a key, or an organization"),
        ("pacing: {limits: [{key: a, organization: b, requests_per_second: 3}]}", "needs a key, or an organization"),
        ("pacing: {limits: [{key: a, workspace: b, requests_per_second: 3}]}", "needs a key, or an organization"),
        ("pacing: {limits: [{workspace: b, requests_per_second: 3}]}", "needs a key, or an organization"),
        ("pacing: {limits: [{key: a, requests_per_second: 0}]}", "more than 0"),
        ("pacing: {limits: [{key: a, concurrency: 1.5}]}", "a whole number from 1"),
        ("pacing: {limits: [{key: a, rps: 1}]}", "rps is unknown"),
        ("pacing: {limits: [{key: a, concurrency: 1}, {key: a, concurrency: 2}]}", "two entries"),
        ("pacing: {limits: [{organization: a, model_class: 'Sonnet 4', concurrency: 1}]}", "words such as sonnet-4"),
        ("egress: [{id: a, direct: true, weight: 0}]", "from 1 to 100"),
        ("worker: {concurency: 3}", "did you mean worker.concurrency"),
        ("wroker: {concurrency: 3}", "wroker is unknown"),
        ("listne: x", "did you mean listen"),
        ("worker: {concurrency: 0}", "from 1 to 10000"),
        ("worker: {concurrency: many}", "'many'"),
        ("worker: {lease: 30}", "such as 250ms"),
        ("worker: {lease: 30s, lease: 40s}", "relay.yaml"),
        ("webhooks: {allow_http: sometimes}", "true or false"),
        ("limits: {body: 32MB}", "a size from"),
        ("worker: 3", "takes keys and values"),
        ("- a\n- b", "takes keys and values"),
        ("a: [", "not YAML"),
        ("egress: {id: a}", "takes a list"),
        ("egress: [{proxy: x}]", "needs an id"),
        ("egress: [{id: a}]", "needs one of"),
        ("egress: [{id: a, source: x}, {id: a, source: y}]", "two paths"),
        ("egress: [{id: a, via: x}]", "egress.via is unknown"),
        ("egress: [{id: a, porxy: x}]", "egress.porxy is unknown; did you mean proxy?"),
        ("egress: [{id: a, direct: yes}]", "allowed is true"),
        ("pacing: {limits: [{key: a, concurency: 1}]}", "did you mean concurrency?"),
        ("wroker: {lease: 3s}", "did you mean worker?"),
        ("listen: $ANSIBLE_VAULT;1.1;AES256", "encrypted as a whole"),
    ])
    func `what is wrong is refused with what is allowed`(text: String, words: String) {
        let error = #expect(throws: RelayError.self) { try read(text) }
        #expect(error?.code == .configurationInvalid)
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [
        ("webhooks: {allow_ports: [http]}", "ports such as 8443"), ("webhooks: {allow_ports: [0]}", "'0'"),
        ("webhooks: {allow_networks: [localhost]}", "networks such as"), ("webhooks: {schedule: [5]}", "durations"),
        ("webhooks: {schedule: [5s, 31d]}", "at most 30d"),
    ])
    func `what is wrong in a list is refused when the process starts`(text: String, words: String) throws {
        let settings = try read(text)
        let error = #expect(throws: RelayError.self) { try settings.check() }
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    @Test func `callbacks are tried again after the waits of the standard schedule unless the file says otherwise`()
        throws
    {
        let rules = try WebhookRules(Settings())
        #expect(rules.schedule == .standard && rules.addresses.ports == PortSet(allowsHTTP: false))
    }

    @Test func `a wrong value names the file and the line`() {
        let error = #expect(throws: RelayError.self) { try read("listen: a:1\nworker:\n  concurrency: none\n") }
        #expect(error?.message.hasPrefix("relay.yaml:3:") == true, "\(error?.message ?? "")")
    }

    @Test func `every setting reads back what it prints`() throws {
        for setting in Setting.all {
            var settings = Settings()
            let text = setting.text(in: settings)
            guard case .list = setting.kind else {
                try setting.apply(text, to: &settings)
                #expect(setting.text(in: settings) == text, "\(setting.key)")
                continue
            }
        }
    }
}
