import Glibc

enum FileSize {
    /// What the file system of `path` has left for this process.
    static func free(beside path: String) -> Int {
        var facts = statvfs()
        return statvfs(path, &facts) == 0 ? Int(facts.f_bavail) * Int(facts.f_frsize) : 0
    }

    /// 0 if there is no such file.
    static func bytes(of path: String) -> Int {
        var facts = stat()
        return stat(path, &facts) == 0 ? Int(facts.st_size) : 0
    }
}
