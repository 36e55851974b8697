import CCurl
import Glibc

/// An epoll instance with a wake-up call. Waited on by one thread; ``wake()`` may come from any.
final class EventPoll: Sendable {
    struct Interest: OptionSet {
        let rawValue: Int
        static let read = Interest(rawValue: 1)
        static let write = Interest(rawValue: 2)
    }

    struct Event {
        let socket: Int32
        let isReadable: Bool
        let isWritable: Bool
        let isFailed: Bool
    }

    private let poll: Int32
    private let bell: Int32

    /// nil if the process is out of file descriptors.
    init?() {
        poll = epoll_create1(Int32(EPOLL_CLOEXEC))
        bell = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard poll >= 0, bell >= 0 else {
            if poll >= 0 { close(poll) }
            if bell >= 0 { close(bell) }
            return nil
        }
        watch(bell, for: .read, isKnown: false)
    }

    deinit {
        close(poll)
        close(bell)
    }

    /// Ends the present ``wait(milliseconds:_:)``, or the next one.
    func wake() {
        var one: UInt64 = 1
        _ = write(bell, &one, MemoryLayout<UInt64>.size)
    }

    func watch(_ socket: Int32, for interest: Interest, isKnown: Bool) {
        var event = epoll_event()
        if interest.contains(.read) { event.events |= EPOLLIN.rawValue }
        if interest.contains(.write) { event.events |= EPOLLOUT.rawValue }
        event.data.fd = socket
        let operation = isKnown ? EPOLL_CTL_MOD : EPOLL_CTL_ADD
        if epoll_ctl(poll, operation, socket, &event) != 0, errno == EEXIST {
            epoll_ctl(poll, EPOLL_CTL_MOD, socket, &event)
        }
    }

    func forget(_ socket: Int32) {
        epoll_ctl(poll, EPOLL_CTL_DEL, socket, nil)
    }

    /// Waits for events, a wake-up or the time given (-1: for ever), and appends what happened.
    func wait(milliseconds: Int32, _ events: inout [Event]) {
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 128) { buffer in
            let count = epoll_wait(poll, buffer.baseAddress, 128, milliseconds)
            guard count > 0 else { return }  // a signal counts as nothing
            for event in buffer[..<Int(count)] {
                guard event.data.fd != bell else {
                    var rings: UInt64 = 0
                    _ = read(bell, &rings, MemoryLayout<UInt64>.size)
                    continue
                }
                events.append(
                    Event(
                        socket: event.data.fd, isReadable: event.events & EPOLLIN.rawValue != 0,
                        isWritable: event.events & EPOLLOUT.rawValue != 0,
                        isFailed: event.events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0))
            }
        }
    }
}
