import Domain
import Glibc

/// Held while a command changes the keys of a data folder, so that no two do at once. Ends with the process at the latest.
final class KeyChangeLock {
    private let descriptor: Int32

    /// - Throws: `argument_invalid` if another process holds it.
    init(of folder: DataFolder) throws(RelayError) {
        let path = folder.path + "/vault.lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw RelayError(
                .argumentInvalid, "Another process changes the keys of this folder at the same time (\(path)).",
                remedy: "Wait for it to end, then repeat the command.")
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }
}
