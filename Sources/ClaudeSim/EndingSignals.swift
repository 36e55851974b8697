import Glibc

/// Ctrl-C and SIGTERM end the process at once, as a success: a simulator has nothing to save.
enum EndingSignals {
    static func exitAtOnce() {
        signal(SIGPIPE, SIG_IGN)
        for number in [SIGINT, SIGTERM] {
            signal(number) { _ in _exit(0) }
        }
    }
}
