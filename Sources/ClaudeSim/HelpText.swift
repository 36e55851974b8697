/// The part of `--help` that teaches.
enum HelpText {
    static let discussion = """
        Point a client at it:
          claude-sim --listen 127.0.0.1:8788 --rps 50 --latency lognormal:200ms,0.5 --fault 529=0.05 --fault reset=0.01
          ANTHROPIC_BASE_URL=http://127.0.0.1:8788 ANTHROPIC_API_KEY=test your-program

        THE ECHO. The text of every answer begins with echo: and 16 hexadecimal digits, the 64-bit FNV-1a hash of the
        request body's bytes; filler words follow up to --output-tokens or max_tokens (one word is one token). So a
        test can prove that an answer belongs to its request. With max_tokens 1 the echo stands alone.

        FAULTS (* counts as executed, that is, the real API would have billed it):
          401  429  500  502-html  529  529-retry-after  403-region
          reset             TCP reset before the answer begins
          reset-body *      TCP reset in the middle of a plain body (of a stream: reset-stream)
          reset-stream *    TCP reset in the middle of a stream (of a plain answer: reset-body)
          error-stream *    an overloaded_error event after half of the deltas (of a plain answer: 529)
          slow-first-byte * the answer comes --slow later
          drip *            the body comes 7 bytes at a time
          hang *            no answer, ever
          truncated-json *  status 200, correct HTTP, half of the body (of a stream: no message_stop)
        By chance: --fault KIND=P. By request, which beats chance:
          x-sim-fault: 529              this happens to every attempt that carries the header; ok is allowed
          x-sim-script: 500,reset,ok    the first attempt of this body gets 500, the second a reset, later ones succeed
        Attempts are counted for each distinct body; requests over a limit are not attempts. Refusals come at once;
        latency delays only answers.

        WHILE IT RUNS:
          curl localhost:8788/sim/stats
          curl 'localhost:8788/sim/executions?fingerprint=af63dc4c8601ec8c'
          curl -d '{"500":0.1,"reset":0.05}' localhost:8788/sim/faults     replaces all probabilities
          curl -d '{"rps":50,"burst":50}' localhost:8788/sim/limits        replaces all limits; {} removes them
          curl -X POST localhost:8788/sim/reset                            clears the statistics
        """
}
