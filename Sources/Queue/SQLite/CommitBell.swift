@preconcurrency import Dispatch
import Glibc
import Synchronization

/// Tells the other processes of a store of this one's commits, without anybody polling.
///
/// Each process has a file in a folder beside the store, holding one counter a topic, and watches the files of the
/// others through inotify. The kernel's lock on it shows that its process lives; who comes later removes the files of
/// the dead. A process that ends between commit and ring is not heard: whoever waits also looks at intervals.
final class CommitBell: Sendable {
    private typealias Counts = [UInt64]

    private struct State {
        var own = Counts(repeating: 0, count: ChangeTopic.allCases.count)
        /// The others' counts when they were last looked at, by file.
        var seen: [String: Counts] = [:]
        var watched: Set<String> = []
    }

    private static let countsSize = ChangeTopic.allCases.count * MemoryLayout<UInt64>.size

    private let folder: String
    private let name: String
    private let file: Int32
    private let watch: Int32
    private let source: (any DispatchSourceRead)?
    private let state = Mutex(State())

    /// - Parameter random: names the file.
    init(folder: String, random: inout any RandomNumberGenerator & Sendable) throws {
        self.folder = folder
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else { throw JobStoreError.system("open", folder) }
        name = "\(getpid())-\(String(random.next(), radix: 16))"
        // Under a name that nobody looks at: what is not locked is removed.
        let path = folder + "/" + name
        let draft = folder + "/." + name
        file = open(draft, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw JobStoreError.system("open", draft) }
        guard FileLock(descriptor: file, byte: 0).take() else { throw JobStoreError.system("lock", draft) }
        guard rename(draft, path) == 0 else { throw JobStoreError.system("rename", draft) }
        watch = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        if watch >= 0 {
            inotify_add_watch(watch, folder, UInt32(IN_MOVED_TO))
            source = DispatchSource.makeReadSource(
                fileDescriptor: watch, queue: DispatchQueue(label: "relay.store.bell"))
        } else {
            source = nil  // no instance left: whoever waits looks at intervals
        }
        _ = look()
    }

    deinit {
        source?.cancel()
        unlink(folder + "/" + name)
        close(file)
    }

    /// Calls `body` with the topics of other processes' commits, from now on.
    func listen(_ body: @escaping @Sendable (Set<ChangeTopic>) -> Void) {
        source?.setEventHandler { [weak self, watch] in
            var bytes = [UInt8](repeating: 0, count: 4096)
            while read(watch, &bytes, bytes.count) > 0 {}
            let topics = self?.look() ?? []
            if !topics.isEmpty { body(topics) }
        }
        source?.setCancelHandler { [watch] in close(watch) }
        source?.resume()
    }

    func ring(_ topics: Set<ChangeTopic>) {
        guard !topics.isEmpty else { return }
        state.withLock { state in
            for topic in topics { state.own[topic.rawValue] &+= 1 }
            _ = state.own.withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, 0) }
        }
    }

    /// What the others have committed since the last look.
    private func look() -> Set<ChangeTopic> {
        let names = others()
        return state.withLock { state in
            var topics: Set<ChangeTopic> = []
            for name in names {
                if !state.watched.contains(name), watch >= 0 {
                    inotify_add_watch(watch, folder + "/" + name, UInt32(IN_MODIFY))
                    state.watched.insert(name)
                }
                guard let counts = Self.counts(in: folder + "/" + name) else { continue }
                let seen = state.seen[name] ?? Counts(repeating: 0, count: counts.count)
                topics.formUnion(ChangeTopic.allCases.filter { counts[$0.rawValue] != seen[$0.rawValue] })
                state.seen[name] = counts
            }
            for name in state.watched where !names.contains(name) {
                state.watched.remove(name)
                state.seen[name] = nil
            }
            return topics
        }
    }

    /// The files of the other living processes. Those of dead ones are removed.
    private func others() -> Set<String> {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: Set<String> = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard !name.hasPrefix("."), name != self.name else { continue }
            if Self.isAbandoned(folder + "/" + name) { unlink(folder + "/" + name) } else { names.insert(name) }
        }
        return names
    }

    private static func counts(in path: String) -> Counts? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var counts = Counts(repeating: 0, count: ChangeTopic.allCases.count)
        let size = counts.withUnsafeMutableBytes { pread(file, $0.baseAddress, $0.count, 0) }
        return size == 0 || size == countsSize ? counts : nil
    }

    private static func isAbandoned(_ path: String) -> Bool {
        let file = open(path, O_RDWR | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        return FileLock(descriptor: file, byte: 0).take()
    }
}
