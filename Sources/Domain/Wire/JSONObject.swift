/// Writes one JSON object, field by field, in order. nil is written as null.
package struct JSONObject {
    /// What most answers fit into.
    private static let usualSize = 512
    private var bytes: [UInt8] = []

    package init() {
        bytes.reserveCapacity(Self.usualSize)
        bytes.append(UInt8(ascii: "{"))
    }

    /// Appends a member; the name must not have been set before.
    package mutating func set(_ name: String, _ text: String?) {
        guard let text else { return setRaw(name, nil) }
        key(name)
        JSONText.append(text, to: &bytes)
    }

    /// Appends a whole number.
    package mutating func set(_ name: String, _ number: Int?) {
        guard let number else { return setRaw(name, nil) }
        key(name)
        bytes += String(number).utf8
    }

    /// Appends true or false.
    package mutating func set(_ name: String, _ flag: Bool) {
        key(name)
        bytes += (flag ? "true" : "false").utf8
    }

    /// Appends a time as RFC 3339.
    package mutating func set(_ name: String, _ time: Timestamp?) {
        set(name, time?.rfc3339)
    }

    /// Appends an array of strings.
    package mutating func set(_ name: String, _ texts: [String]) {
        setRaw(name, Self.array(texts.map { JSONText.quoted($0) }))
    }

    /// - Parameter json: a complete JSON value; nil for null.
    package mutating func setRaw(_ name: String, _ json: [UInt8]?) {
        key(name)
        if let json { bytes += json } else { bytes += "null".utf8 }
    }

    /// The whole object.
    package consuming func closed() -> [UInt8] {
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    /// The JSON array of `elements`, each a complete JSON value.
    package static func array(_ elements: some Sequence<[UInt8]>) -> [UInt8] {
        [UInt8(ascii: "[")] + elements.joined(separator: [UInt8(ascii: ",")]) + [UInt8(ascii: "]")]
    }

    private mutating func key(_ name: String) {
        if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
        JSONText.append(name, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
    }
}
