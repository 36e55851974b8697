import Glibc

/// A lock on one byte of a file. It belongs to the open file, not to the process, so it also holds between two stores of
/// one process; the kernel frees it when the file is closed, however its process ends.
struct FileLock {
    private static let command: Int32 = 37  // F_OFD_SETLK, which Glibc's module does not show

    let descriptor: Int32
    let byte: Int64

    /// - Returns: whether it is held now. Never waits.
    func take() -> Bool { set(F_WRLCK) }

    func release() { _ = set(F_UNLCK) }

    private func set(_ type: Int32) -> Bool {
        var request = flock()
        request.l_type = Int16(type)
        request.l_whence = Int16(SEEK_SET)
        request.l_start = off_t(byte)
        request.l_len = 1
        return fcntl(descriptor, Self.command, &request) == 0
    }
}
