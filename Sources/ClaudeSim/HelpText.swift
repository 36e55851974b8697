/// The part of `--help` that teaches. Lines stay within 78 columns, where the help is not wrapped.
enum HelpText {
    static let discussion = """
        Point a client at it:
          claude-sim --rps 50 --latency lognormal:200ms,0.5 --fault 529=0.05
          ANTHROPIC_BASE_URL=http://127.0.0.1:8788 ANTHROPIC_API_KEY=x your-program

        THE ECHO. The text of every answer begins with echo: and 16 hexadecimal
        digits, the 64-bit FNV-1a hash of the request body's bytes, so that a test
        can prove that an answer belongs to its request. Filler words follow up to
        --output-tokens or max_tokens; one word is one token, the echo is the first.
        Equal bodies get equal answers, byte for byte; only headers differ, and in
        usage what the prompt cache did.
        With tools, and no tool_result yet, the first tool is used, its input
        holding the same text. With thinking enabled a thinking block comes first.

        LIMITS hold for POST /v1/messages, for each organization and class of models
        (claude-sonnet-4-5 is sonnet-4, claude-3-5-haiku is haiku-3, else other). A
        key is an organization by itself unless --org names one. A request over a
        limit is answered 429 with retry-after and is neither attempted nor executed.
        The headers anthropic-ratelimit-FAMILY-limit are per minute, -remaining is
        what may be sent now; a family without a limit is left out. Token buckets
        hold a minute's worth. Only executed requests take tokens; answers may
        overdraw the output bucket.

        PROMPT CACHE. The prefix of a request (model, tools, system, messages) up to
        each block with cache_control, or else tools and system of at least 4096
        bytes, is kept for its organization for 5 minutes after the last use. The
        first executed request has cache_creation_input_tokens, later ones have
        cache_read_input_tokens, four bytes a token.

        FAULTS. Those with * count as executed: the real API would have billed them.
          400  401  402  403  403-region  404  409  413  429  429-spend  500
          502-html  504  529  529-retry-after
          reset             TCP reset before the answer begins
          reset-body *      TCP reset inside a plain body (stream: reset-stream)
          reset-stream *    TCP reset inside a stream (plain answer: reset-body)
          error-stream *    overloaded_error after half the deltas (plain: 529)
          slow-first-byte * the answer comes --slow later
          drip *            the body comes 7 bytes at a time
          hang *            no answer, ever
          truncated-json *  status 200, correct HTTP, half of the body
                            (stream: half of the deltas, no message_stop)
        By chance: --fault KIND=P. By request, which beats chance:
          x-sim-fault: 529            happens to every attempt with the header
          x-sim-script: 500,reset,ok  one step for each attempt of this body,
                                      after the last step all goes well
        Attempts are counted for each distinct body. Refusals come at once; latency
        delays only answers. Any model name is accepted.

        WHILE IT RUNS, with SIM=http://127.0.0.1:8788:
          curl $SIM/sim/stats
          curl $SIM/sim/executions?fingerprint=af63dc4c8601ec8c
          curl -d '{"500":0.1,"reset":0.05}' $SIM/sim/faults  replaces all faults
          curl -d '{"rps":50,"burst":50}' $SIM/sim/limits     replaces all limits
          curl -d '{"key":"k","fault":"401"}' $SIM/sim/keys   until "fault":"ok";
              "model":"claude-x" instead of the key, or with it, works alike
          curl -d '{"refuse":["127.0.0.2"]}' $SIM/sim/sources replaces all refused
          curl -X POST $SIM/sim/reset                         clears statistics
        """
}
