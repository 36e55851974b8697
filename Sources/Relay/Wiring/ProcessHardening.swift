import CLinux
import Glibc

/// Keeps what a process holds in memory, keys and bodies among it, out of files and other programs.
enum ProcessHardening {
    /// No core file, no debugger and no reading of `/proc/PID/mem` by the same user, and no
    /// backtrace, which would print memory around the fault. A crash then says its signal and no more.
    static func apply() {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        relay_forbid_dumps()
        for fault in [SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP, SIGQUIT] { signal(fault, SIG_DFL) }
    }
}
