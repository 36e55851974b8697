import Glibc

/// Files that only their owner may read: keys, passwords, and what was sealed with them.
package enum PrivateFile {
    /// Why a file cannot be used.
    package struct Trouble: Error, Hashable, Sendable {
        package let isMissing: Bool
        /// What is wrong, to follow the file's name in a sentence.
        package let what: String
        /// What to do about it: a whole sentence.
        package let remedy: String

        init(_ what: String, remedy: String, isMissing: Bool = false) {
            self.what = what
            self.remedy = remedy
            self.isMissing = isMissing
        }

        package static let empty = Trouble("is empty", remedy: "Check that it is the right file.")
    }

    /// The whole content of the file at `path`, up to `limit` bytes.
    /// - Parameter allowsPrograms: whether a file that may be executed is read all the same.
    package static func read(
        _ path: String, limit: Int, allowsPrograms: Bool = true
    ) throws(Trouble) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { throw Trouble("is missing", remedy: "Check its name.", isMissing: true) }
            throw Trouble("cannot be read: \(reason())", remedy: "Let the relay's user read it.")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw Trouble("cannot be examined: \(reason())", remedy: "Check the file system.")
        }
        // Where there is an access list, the mode shows its mask in the place of the group's rights.
        let isListed = status.st_mode & 0o037 == 0 && AccessList(of: descriptor)?.isFor(geteuid()) == true
        guard status.st_mode & 0o077 == 0 || isListed else {
            let mode = String(status.st_mode & 0o777, radix: 8)
            throw Trouble("has mode \(mode); others may use it", remedy: "Run: chmod 600 '\(path)'.")
        }
        guard allowsPrograms || status.st_mode & 0o100 == 0 else {
            throw Trouble(
                "may be executed, and the relay runs no programs to get a password",
                remedy: "Run: chmod 600 '\(path)' if it holds the password; otherwise store what it prints.")
        }
        return try content(of: descriptor, limit: limit)
    }

    private static func content(of descriptor: Int32, limit: Int) throws(Trouble) -> [UInt8] {
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: min(limit + 1, 65_536))
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Trouble("cannot be read: \(reason())", remedy: "Check the file.") }
            if count == 0 { return content }
            content += buffer.prefix(count)
            guard content.count <= limit else {
                throw Trouble("is larger than \(limit) bytes", remedy: "Check that it is the right file.")
            }
        }
    }

    /// Puts a file with mode 600 at `path`, whole or not at all, in the place of what is there, whose owner it gets.
    package static func replace(_ path: String, with content: [UInt8]) throws(Trouble) {
        try withDraft(of: path, content, ownedLike: path) { draft in rename(draft, path) == 0 }
    }

    /// The same unless there is something at `path` already.
    /// - Returns: whether the file is the new one.
    package static func create(_ path: String, with content: [UInt8]) throws(Trouble) -> Bool {
        var isNew = true
        try withDraft(of: path, content) { draft in
            isNew = link(draft, path) == 0
            return isNew || errno == EEXIST
        }
        return isNew
    }

    /// Gives the file `draft` the name `path` and, if there is a file of that name, its owner and mode; both survive a power
    /// cut. What fails leaves `path` as it is.
    package static func publish(_ draft: String, as path: String) throws(Trouble) {
        let descriptor = open(draft, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw Trouble("cannot be read: \(reason())", remedy: "Let the relay's user read it.")
        }
        defer { close(descriptor) }
        try keepOwner(of: path, for: descriptor, mode: true)
        guard fsync(descriptor) == 0, rename(draft, path) == 0 else {
            throw Trouble(
                "cannot be put in the place of \(path): \(reason())",
                remedy: "Check space and permissions of its folder.")
        }
        syncFolder(of: path)
    }

    /// Gives an open file the owner and group of the one at `path`, if there is one: who runs a command need not be whom the
    /// relay runs as.
    /// - Parameter mode: whether it gets its mode, too.
    private static func keepOwner(of path: String, for descriptor: Int32, mode: Bool) throws(Trouble) {
        var (old, new) = (stat(), stat())
        guard stat(path, &old) == 0 else { return }
        guard fstat(descriptor, &new) == 0,
            (old.st_uid, old.st_gid) == (new.st_uid, new.st_gid) || fchown(descriptor, old.st_uid, old.st_gid) == 0,
            !mode || fchmod(descriptor, old.st_mode & 0o7777) == 0
        else {
            throw Trouble(
                "cannot get the owner and mode of \(path): \(reason())", remedy: "Run the command as that file's owner."
            )
        }
    }

    /// Writes and syncs a file beside `path` and lets `publish` give it that name.
    private static func withDraft(
        of path: String, _ content: [UInt8], ownedLike old: String? = nil, publish: (String) -> Bool
    ) throws(Trouble) {
        // A name that no other process has, whatever its pid: two containers may share a folder.
        let draft = "\(path).\(String(UInt64.random(in: 0...UInt64.max), radix: 16)).new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw Trouble("cannot be made: \(reason())", remedy: "Let the relay's user write to its folder.")
        }
        defer { unlink(draft) }
        defer { close(descriptor) }
        if let old { try keepOwner(of: old, for: descriptor, mode: false) }
        guard write(content, to: descriptor), fsync(descriptor) == 0, publish(draft) else {
            throw Trouble("cannot be written: \(reason())", remedy: "Check space and permissions of its folder.")
        }
        syncFolder(of: path)
    }

    private static func write(_ content: [UInt8], to descriptor: Int32) -> Bool {
        var rest = content[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// The name itself must survive a power cut: what is sealed with a key will.
    private static func syncFolder(of path: String) {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let descriptor = open(folder.isEmpty ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private static func reason() -> String {
        String(cString: strerror(errno))
    }
}
