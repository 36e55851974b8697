import Domain

/// The rows of a list as JSON: as many of them as make a page.
///
/// Rows may have tens of kilobytes each, and an answer is held until its client has taken it.
struct RowsText {
    /// A page ends with the row that brings it to as many bytes.
    static let pageSize = 1 << 20

    /// A JSON array.
    let array: [UInt8]
    /// The rows in it, the first ones: at least one if there are any.
    let count: Int

    init<Row>(_ rows: [Row], _ text: (Row) -> [UInt8]) {
        var texts: [[UInt8]] = []
        var size = 0
        for row in rows where size < Self.pageSize {
            texts.append(text(row))
            size += texts[texts.count - 1].count
        }
        (array, count) = (JSONObject.array(texts), texts.count)
    }
}
