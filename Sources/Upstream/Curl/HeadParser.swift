import Domain

/// Makes an answer's head out of the header lines that libcurl hands over one by one, the status line first.
///
/// Interim answers (1xx) are skipped, and so are trailers, which come after the head is complete.
struct HeadParser {
    private var status = 0
    private var headers: [HeaderField] = []
    private(set) var isComplete = false

    /// Takes one line with its line break; returns the head when this was its last.
    mutating func take(_ line: UnsafeRawBufferPointer) -> AnswerMailbox.Head? {
        guard !isComplete else { return nil }
        let text = Self.trimmed(line[...])
        if text.isEmpty { return finish() }
        if headers.isEmpty, Self.isStatusLine(text) {
            status = Self.status(of: text)
        } else {
            append(text)
        }
        return nil
    }

    private mutating func finish() -> AnswerMailbox.Head? {
        guard status >= 200 else {
            self = HeadParser()
            return nil
        }
        isComplete = true
        return AnswerMailbox.Head(status: status, headers: headers)
    }

    private mutating func append(_ text: Slice<UnsafeRawBufferPointer>) {
        // A line that starts with a blank continues the one before (RFC 9112 §5.2).
        if text.first == UInt8(ascii: " ") || text.first == UInt8(ascii: "\t"), let last = headers.popLast() {
            headers.append(HeaderField(last.name, "\(last.value) \(Self.text(text))"))
            return
        }
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")) else { return }
        headers.append(HeaderField(Self.text(text[..<colon]), Self.text(text[(colon + 1)...])))
    }

    /// Without the blanks around it.
    private static func text(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
        String(decoding: trimmed(bytes).drop { $0 <= 0x20 }, as: UTF8.self)
    }

    private static func isStatusLine(_ text: Slice<UnsafeRawBufferPointer>) -> Bool {
        text.starts(with: "HTTP/".utf8)
    }

    /// The number of three digits after the first blank: `HTTP/1.1 200 OK` → 200. 0 if there is none.
    private static func status(of text: Slice<UnsafeRawBufferPointer>) -> Int {
        guard let blank = text.firstIndex(of: UInt8(ascii: " ")) else { return 0 }
        let digits = text[text.index(after: blank)...].prefix { (0x30...0x39).contains($0) }
        guard digits.count == 3 else { return 0 }
        return digits.reduce(0) { sum, byte in sum * 10 + Int(byte) - Int(UInt8(ascii: "0")) }
    }

    /// Without the line break and blanks at the end.
    private static func trimmed(_ text: Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
        var text = text
        while let last = text.last, last <= 0x20 { text.removeLast() }
        return text
    }
}
