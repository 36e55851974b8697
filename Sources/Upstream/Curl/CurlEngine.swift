import CCurl
import Domain
import Glibc
import Synchronization

/// A thread that runs exchanges with libcurl. Tasks reach it through an inbox.
final class CurlEngine: Sendable {
    enum Order: Sendable {
        case start(HTTPRequest, EgressPath, AnswerMailbox)
        case resume(AnswerMailbox)
        case cancel(AnswerMailbox)
        /// Idle connections of other routes are given up.
        case keep(Set<EgressPath.Route>)
    }

    private struct Inbox {
        var orders: [Order] = []
        var isStopping = false
        /// No exchange but those that have been accepted: the thread ends with the last.
        var isRetiring = false
        var thread: pthread_t?
        /// What calls after the end are told.
        var refusal = CurlEngine.stopped(maybeSent: false)
    }

    private let name: String
    private let poll: EventPoll
    private let authorities: TrustedAuthorities
    private let observer: (any TransportObserver)?
    private let inbox = Mutex(Inbox())

    /// Starts the thread.
    /// - Parameters:
    ///   - name: what the system calls the thread; of 15 bytes at most, the rest is cut off.
    ///   - authorities: who may sign for servers and proxies.
    /// - Throws: `internal_fault` if the system gives no thread or file descriptor.
    init(
        name: String, authorities: TrustedAuthorities, observer: (any TransportObserver)?
    ) throws(RelayError) {
        guard let poll = EventPoll() else { throw Self.startFailure }
        self.poll = poll
        self.name = name
        self.authorities = authorities
        self.observer = observer
        // The thread holds a reference of its own until it ends, so the engine outlives every callback.
        let this = Unmanaged.passRetained(self).toOpaque()
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { this in
                guard let this else { return nil }
                Unmanaged<CurlEngine>.fromOpaque(this).takeRetainedValue().run()
                return nil
            }, this)
        guard result == 0 else {
            Unmanaged<CurlEngine>.fromOpaque(this).release()
            throw Self.startFailure
        }
        inbox.withLock { $0.thread = thread }
    }

    /// Begins an exchange; what comes of it arrives in the mailbox returned. nil if the engine has retired.
    func start(_ request: HTTPRequest, over path: EgressPath) -> AnswerMailbox? {
        let mailbox = AnswerMailbox { [weak self] mailbox, wish in
            self?.post(wish == .resume ? .resume(mailbox) : .cancel(mailbox))
        }
        guard !post(.start(request, path, mailbox)) else { return mailbox }
        let (hasRetired, refusal) = inbox.withLock { ($0.isRetiring, $0.refusal) }
        guard !hasRetired else { return nil }
        mailbox.put(head: nil, chunk: [], ending: .failed(refusal))
        return mailbox
    }

    /// Gives up the idle connections that are not of these routes, and those of others whenever they become idle.
    func keep(_ routes: Set<EgressPath.Route>) {
        post(.keep(routes))
    }

    /// Lets what is under way end; then the thread and the connections are gone. Waits for nothing.
    func retire() {
        inbox.withLock { inbox in
            inbox.isRetiring = true
            if inbox.isStopping { Self.finishRetiring(&inbox) }  // libcurl did not start: the thread is gone already
        }
        poll.wake()
    }

    /// Ends what is in flight as canceled and waits for the thread to be gone. Call once.
    func shutdown() {
        let thread = inbox.withLock { inbox in
            inbox.isStopping = true
            defer { inbox.thread = nil }
            return inbox.thread
        }
        poll.wake()
        if let thread { pthread_join(thread, nil) }
    }

    static func stopped(maybeSent: Bool) -> TransportFailure {
        TransportFailure(.canceled, maybeSent: maybeSent, detail: "the transport was shut down")
    }

    private static var startFailure: RelayError {
        RelayError(
            .internalFault, "The system gives no thread or file descriptor for outgoing calls.",
            remedy: "Raise the limits on open files and threads (ulimit -n, -u).")
    }

    /// Only the first order in an empty inbox rings: the thread takes all at once.
    @discardableResult
    private func post(_ order: Order) -> Bool {
        let (isAccepted, mustWake) = inbox.withLock { inbox in
            guard !inbox.isStopping else { return (false, false) }
            inbox.orders.append(order)
            return (true, inbox.orders.count == 1)
        }
        if mustWake { poll.wake() }
        return isAccepted
    }

    /// Without libcurl (out of memory, or it does not start) every exchange fails at once.
    private func refuseAll() {
        let failure = TransportFailure(.exhausted, maybeSent: false, detail: "libcurl could not be started")
        let orders = inbox.withLock { inbox in
            inbox.isStopping = true
            inbox.refusal = failure
            return inbox.orders
        }
        for case .start(_, _, let mailbox) in orders {
            mailbox.put(head: nil, chunk: [], ending: .failed(failure))
        }
    }

    /// Ends a retiring engine. Nobody waits for its thread any more, so the system is told to forget it.
    private static func finishRetiring(_ inbox: inout Inbox) {
        guard inbox.isRetiring, let thread = inbox.thread else { return }
        inbox.isStopping = true
        inbox.thread = nil
        pthread_detach(thread)
    }

    private func run() {
        relay_name_thread(name)
        guard let multi = CurlMulti(poll: poll, authorities: authorities, observer: observer) else {
            return refuseAll()
        }
        var orders: [Order] = []
        var events: [EventPoll.Event] = []
        while true {
            let isIdle = multi.isIdle
            let (isStopping, isRetiring) = inbox.withLock { inbox in
                swap(&orders, &inbox.orders)
                if isIdle, orders.isEmpty { Self.finishRetiring(&inbox) }
                return (inbox.isStopping, inbox.isRetiring)
            }
            for order in orders { multi.carryOut(order) }
            orders.removeAll(keepingCapacity: true)
            if isStopping { break }
            multi.act(on: events)
            events.removeAll(keepingCapacity: true)
            poll.wait(milliseconds: isRetiring && multi.isIdle ? 0 : multi.millisecondsToWait, &events)
        }
        multi.stop()
    }
}
