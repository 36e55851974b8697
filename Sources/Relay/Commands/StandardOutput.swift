import Glibc

/// Writes bytes as they are.
enum StandardOutput {
    static func write(_ bytes: [UInt8]) {
        fwrite(bytes, 1, bytes.count, stdout)
        flush()
    }

    /// Prints a line and flushes it, so that whoever reads through a pipe sees it at once.
    static func line(_ text: String) {
        print(text)
        flush()
    }

    private static func flush() {
        fflush(stdout)
    }
}
