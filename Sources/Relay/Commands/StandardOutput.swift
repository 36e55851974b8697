import Glibc

/// The standard streams, unbuffered: whoever reads through a pipe sees a line at once.
enum StandardOutput {
    static func line(_ text: String) {
        write(Array((text + "\n").utf8))
    }

    /// Writes bytes as they are.
    static func write(_ bytes: [UInt8]) {
        StandardStream.write(bytes, to: STDOUT_FILENO)
    }
}

/// What is meant for the person at the terminal, not for whoever reads the output.
enum StandardError {
    static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    static func line(_ text: String) {
        write(text + "\n")
    }

    static func write(_ text: String) {
        StandardStream.write(Array(text.utf8), to: STDERR_FILENO)
    }
}

private enum StandardStream {
    static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return }  // nobody reads any more
            rest = rest.dropFirst(count)
        }
    }
}
