import Domain
import Glibc

/// Reads a text file line by line, a bounded group at a time.
struct LineFile: ~Copyable {
    /// A line with its number in the file, from 1. Never empty.
    typealias Line = (number: Int, bytes: [UInt8])

    private let path: String
    private let file: UnsafeMutablePointer<FILE>
    private var number = 0

    init(path: String) throws(RelayError) {
        guard let file = fopen(path, "r") else {
            throw RelayError(
                .argumentInvalid, "The file \(path) cannot be read: \(String(cString: strerror(errno))).",
                remedy: "Check its name.")
        }
        self.path = path
        self.file = file
    }

    deinit {
        fclose(file)
    }

    /// The next lines: at most `maxLines`, and no more once they hold `maxBytes`. Empty at the end of the file.
    mutating func next(maxLines: Int, maxBytes: Int) -> [Line] {
        var lines: [Line] = []
        var bytes = 0
        while lines.count < maxLines, bytes < maxBytes, let line = nextLine() {
            guard !line.bytes.isEmpty else { continue }
            bytes += line.bytes.count
            lines.append(line)
        }
        return lines
    }

    private mutating func nextLine() -> Line? {
        var buffer: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(buffer) }
        let count = getline(&buffer, &capacity, file)
        guard count > 0, let buffer else { return nil }
        number += 1
        let raw = UnsafeRawBufferPointer(start: buffer, count: count)
        let isEnding = { (byte: UInt8) in byte == 0x0A || byte == 0x0D || byte == 0x20 }
        let kept = raw.count - raw.reversed().prefix(while: isEnding).count
        return (number, Array(raw.prefix(kept)))
    }
}
