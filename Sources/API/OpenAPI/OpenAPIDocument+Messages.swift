import Domain

extension OpenAPIDocument {
    static let messages: [Operation] = [
        Operation("POST", "/v1/messages", "The upstream's answer, or its events with stream: true")
            .header("anthropic-version", .text, "Such as 2023-06-01.")
            .takes(.json(.named("MessagesRequest")))
            .answers(200, "The upstream's answer, byte for byte.", .json(.open), .text("text/event-stream")),
        Operation("POST", "/v1/messages/count_tokens", "How many tokens a request has")
            .header("anthropic-version", .text, "Such as 2023-06-01.")
            .takes(.json(.named("MessagesRequest")))
            .answers(200, "The upstream's answer, byte for byte.", .json(.open)),
        Operation("GET", "/v1/models", "The models that the upstream has")
            .header("anthropic-version", .text, "Such as 2023-06-01.")
            .answers(200, "The upstream's answer, byte for byte.", .json(.open)),
        Operation("GET", "/v1/models/{model}", "One model")
            .header("anthropic-version", .text, "Such as 2023-06-01.")
            .answers(200, "The upstream's answer, byte for byte.", .json(.open)),
        Operation("GET", "/api/hello", "Answers with nothing: Claude Code asks for it to warm its connection up")
            .answers(200, "Nothing."),
    ]

    static let health: [Operation] = [
        Operation("GET", "/healthz", "Whether the process is alive")
            .answers(200, "It is.", .json(.object([.init("status", .oneOf(["alive"]))]))),
        Operation("GET", "/readyz", "Whether it can do its work; 503 if not")
            .answers(200, "It can.", .json(.object([.init("status", .oneOf(["ready"]))]))),
        Operation("GET", "/metrics", "Figures in Prometheus' text format")
            .answers(200, "The figures.", .text("text/plain")),
        Operation("GET", "/openapi.json", "This description")
            .answers(200, "It.", .json(.open)),
    ]
}
