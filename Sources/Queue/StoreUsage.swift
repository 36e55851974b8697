/// What a store takes of its medium, in bytes.
package struct StoreUsage: Hashable, Sendable {
    package let fileBytes: Int
    /// Of the file, what deletions have freed; the next jobs use it.
    package let freeBytes: Int
    /// The write-ahead log.
    package let logBytes: Int

    package init(fileBytes: Int, freeBytes: Int, logBytes: Int) {
        self.fileBytes = fileBytes
        self.freeBytes = freeBytes
        self.logBytes = logBytes
    }

    /// What jobs take.
    package var usedBytes: Int { fileBytes - freeBytes }
}
