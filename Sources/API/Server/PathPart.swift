/// One part of a path between slashes, decoded.
enum PathPart {
    /// Whether the upstream could read another path from it than the one that was matched here.
    static func misleads(_ decoded: String) -> Bool {
        decoded == "." || decoded == ".." || decoded.utf8.contains(UInt8(ascii: "/"))
    }
}
