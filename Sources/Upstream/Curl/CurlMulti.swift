import CCurl
import Domain
import Glibc

/// libcurl's multi handle and its transfers, driven by socket events. Lives on its engine's thread.
final class CurlMulti {
    private static let isReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
    /// Idle easy handles kept for the next exchange.
    private static let spareLimit = 256
    /// Idle connections kept open; the limit on their age is the transfers'.
    private static let connectionLimit = 1024
    /// Streams on one HTTP/2 connection, if the peer allows as many; more open another connection.
    private static let streamLimit = 1000

    private let multi: UnsafeMutableRawPointer
    /// TLS sessions that new connections take up again. libcurl would keep them for each easy handle apart.
    private let sessions: UnsafeMutableRawPointer
    private let poll: EventPoll
    private let authorities: TrustedAuthorities
    let observer: (any TransportObserver)?
    private var sockets = SocketTable()
    /// The only ones whose connections are kept for the next call; nil for all.
    private var routes: Set<EgressPath.Route>?
    private var transfers: [ObjectIdentifier: CurlTransfer] = [:]
    private var spares: [UnsafeMutableRawPointer] = []
    /// Touched since the last hand-over.
    private var dirty: [CurlTransfer] = []
    /// When libcurl wants to be called without an event; nil for not.
    private var timer: ContinuousTicks?
    /// No transfer's clock runs out before this; nil for none at all.
    private var nextClock: ContinuousTicks?

    /// nil if libcurl cannot be started.
    init?(poll: EventPoll, authorities: TrustedAuthorities, observer: (any TransportObserver)?) {
        guard Self.isReady, let sessions = curl_share_init() else { return nil }
        guard let multi = curl_multi_init() else {
            curl_share_cleanup(sessions)
            return nil
        }
        self.multi = multi
        self.sessions = sessions
        self.poll = poll
        self.authorities = authorities
        self.observer = observer
        let results = [
            relay_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, Self.connectionLimit),
            relay_curl_multi_set_long(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, Self.streamLimit),
        ]
        let isShared = relay_curl_share(sessions, CURL_LOCK_DATA_SSL_SESSION) == CURLSHE_OK
        guard isShared, (results + setCallbacks()).allSatisfy({ $0 == CURLM_OK }) else {
            cleanUp()
            return nil
        }
    }

    /// Ends what is in flight.
    func stop() {
        for transfer in transfers.values {
            end(transfer, .failed(CurlEngine.stopped(maybeSent: transfer.maybeSent)))
        }
        for easy in spares { curl_easy_cleanup(easy) }
        spares = []
        cleanUp()
    }

    private func cleanUp() {
        curl_multi_cleanup(multi)
        curl_share_cleanup(sessions)
    }

    func carryOut(_ order: CurlEngine.Order) {
        switch order {
        case .start(let request, let path, let mailbox): start(request, path, mailbox)
        case .resume(let mailbox):
            guard let transfer = transfers[ObjectIdentifier(mailbox)] else { return }
            transfer.resume()
            touch(transfer)
        case .keep(let routes): keepIdle(only: routes)
        case .cancel(let mailbox):
            guard let transfer = transfers[ObjectIdentifier(mailbox)] else { return }
            let failure = TransportFailure(.canceled, maybeSent: transfer.maybeSent, detail: "canceled by the caller")
            end(transfer, .failed(failure))
        }
    }

    /// Lets libcurl handle `events` and due timers, then hands over what came of it.
    func act(on events: [EventPoll.Event]) {
        var running: Int32 = 0
        for event in events {
            var mask: Int32 = 0
            if event.isReadable { mask |= CURL_CSELECT_IN }
            if event.isWritable { mask |= CURL_CSELECT_OUT }
            if event.isFailed { mask |= CURL_CSELECT_ERR }
            curl_multi_socket_action(multi, event.socket, mask, &running)
        }
        if let timer, timer <= .now {
            self.timer = nil
            curl_multi_socket_action(multi, curl_socket_t(-1), 0, &running)
        }
        finishCompleted()
        if let nextClock, nextClock <= .now { checkClocks() }
        for transfer in dirty where transfer.isDirty { transfer.handOver() }
        dirty.removeAll(keepingCapacity: true)
    }

    /// Whether nothing is under way.
    var isIdle: Bool { transfers.isEmpty }

    /// Until the next timer or clock; -1 for ever.
    var millisecondsToWait: Int32 {
        guard let next = [timer, nextClock].compactMap({ $0 }).min() else { return -1 }
        let left = next.nanoseconds - ContinuousTicks.now.nanoseconds
        return Int32(clamping: max(0, (left + 999_999) / 1_000_000))
    }

    private func start(_ request: HTTPRequest, _ path: EgressPath, _ mailbox: AnswerMailbox) {
        guard let easy = spares.popLast() ?? curl_easy_init() else {
            return mailbox.put(head: nil, chunk: [], ending: .failed(.outOfMemory))
        }
        do throws(TransportFailure) {
            let transfer = CurlTransfer(
                easy: easy, request: request, path: path, mailbox: mailbox, at: .now, owner: self)
            try transfer.configure(path, authorities: authorities, sessions: sessions)
            transfers[ObjectIdentifier(mailbox)] = transfer
            try add(easy)
            watchClock(of: transfer)
        } catch {
            transfers[ObjectIdentifier(mailbox)] = nil
            recycle(easy)
            mailbox.put(head: nil, chunk: [], ending: .failed(error))
        }
    }

    private func add(_ easy: UnsafeMutableRawPointer) throws(TransportFailure) {
        let result = curl_multi_add_handle(multi, easy)
        guard result != CURLM_OK else { return }
        guard result != CURLM_OUT_OF_MEMORY else { throw .outOfMemory }
        let words = String(cString: curl_multi_strerror(result))
        throw TransportFailure(.malformed, maybeSent: false, detail: "libcurl does not take the call: \(words)")
    }

    /// Removing a handle in mid-transfer closes its connection (HTTP/1) or resets its stream (HTTP/2).
    private func end(_ transfer: CurlTransfer, _ ending: AnswerMailbox.Ending) {
        observer?.exchangeEnded(transfer.report(failure: ending.failure?.kind))
        curl_multi_remove_handle(multi, transfer.easy)
        if let connection = transfer.connection { ended(on: connection) }
        transfers[ObjectIdentifier(transfer.mailbox)] = nil
        recycle(transfer.easy)
        transfer.handOver(ending)
    }

    private func recycle(_ easy: UnsafeMutableRawPointer) {
        curl_easy_reset(easy)
        if spares.count < Self.spareLimit { spares.append(easy) } else { curl_easy_cleanup(easy) }
    }

    private func finishCompleted() {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
            let code = relay_curl_message_result(message)
            var this: UnsafeMutableRawPointer?
            relay_curl_get_pointer(easy, CURLINFO_PRIVATE, &this)
            let transfer = CurlTransfer.at(this)
            end(transfer, code == CURLE_OK ? .complete : .failed(TransportFailure(code, of: transfer)))
        }
    }

    // MARK: Clocks

    /// Called by a transfer whenever it has something to hand over or its clocks have changed.
    func touch(_ transfer: CurlTransfer) {
        if !transfer.isDirty {
            transfer.isDirty = true
            dirty.append(transfer)
        }
        watchClock(of: transfer)
    }

    /// Deadlines mostly move on, so the earliest one ever seen is kept and looked into only when it is reached.
    private func watchClock(of transfer: CurlTransfer) {
        guard let deadline = transfer.clocks.deadline else { return }
        if let nextClock, nextClock <= deadline { return }
        nextClock = deadline
    }

    private func checkClocks() {
        let now = ContinuousTicks.now
        for transfer in transfers.values {
            if let failure = transfer.expired(at: now) { end(transfer, .failed(failure)) }
        }
        nextClock = transfers.values.compactMap(\.clocks.deadline).min()
    }

    // MARK: What libcurl asks for

    /// libcurl keeps an unretained pointer to this object, which cleans up the multi handle before it goes.
    private func setCallbacks() -> [CURLMcode] {
        let this = Unmanaged.passUnretained(self).toOpaque()
        let onSocket = relay_curl_multi_on_socket(multi) { _, socket, action, this, known in
            CurlMulti.at(this).watch(socket, action, isKnown: known != nil)
            return 0
        }
        let onTimer = relay_curl_multi_on_timer(multi) { _, milliseconds, this in
            let delay: ContinuousTicks? = milliseconds < 0 ? nil : .now.advanced(by: .milliseconds(milliseconds))
            CurlMulti.at(this).timer = delay
            return 0
        }
        return [
            relay_curl_multi_set_pointer(multi, CURLMOPT_SOCKETDATA, this),
            relay_curl_multi_set_pointer(multi, CURLMOPT_TIMERDATA, this), onSocket, onTimer,
        ]
    }

    /// A socket once assigned a pointer is known to the poll; which pointer does not matter.
    private func watch(_ socket: curl_socket_t, _ action: Int32, isKnown: Bool) {
        if action == CURL_POLL_REMOVE { return poll.forget(socket) }
        var interest: EventPoll.Interest = []
        if action & CURL_POLL_IN != 0 { interest.insert(.read) }
        if action & CURL_POLL_OUT != 0 { interest.insert(.write) }
        poll.watch(socket, for: interest, isKnown: isKnown)
        if !isKnown { curl_multi_assign(multi, socket, multi) }
    }

    private static func at(_ pointer: UnsafeMutableRawPointer?) -> CurlMulti {
        guard let pointer else { preconditionFailure("libcurl lost the pointer it was given") }
        return Unmanaged<CurlMulti>.fromOpaque(pointer).takeUnretainedValue()
    }

    // MARK: Sockets

    /// A transfer opened a socket.
    func opened(_ socket: curl_socket_t, path: EgressPath) {
        tell(sockets.opened(socket, path: path))
    }

    /// libcurl closes every socket through this.
    static let onClose: relay_curl_close_callback = { this, socket in
        CurlMulti.at(this).close(socket)
    }

    private func close(_ socket: curl_socket_t) -> Int32 {
        tell(sockets.closing(socket))
        return Glibc.close(socket)
    }

    /// A request is about to be written on the connection between `ends`; nil if that is not known.
    func began(between ends: SocketTable.Ends?, openedFor candidates: [curl_socket_t]) -> SocketTable.Beginning? {
        let beginning = ends.flatMap { sockets.began(between: $0, openedFor: candidates) }
        if beginning == nil { sockets.beganSomewhere() }
        tell(beginning?.change)
        return beginning
    }

    /// A call is no longer on this connection.
    func ended(on connection: Int) {
        tell(sockets.ended(on: connection))
        if let socket = sockets.idle(connection, where: isGivenUp) { Self.giveUp(socket) }
    }

    private func tell(_ change: SocketChange?) {
        if let change, !change.isNone { observer?.socketsChanged(change) }
    }

    /// Gives up the connections that wait for calls over other routes, now and whenever one begins to wait.
    private func keepIdle(only routes: Set<EgressPath.Route>) {
        self.routes = routes
        for socket in sockets.idle(where: isGivenUp) { Self.giveUp(socket) }
    }

    private func isGivenUp(_ path: EgressPath) -> Bool {
        routes.map { !$0.contains(path.route) } ?? false
    }

    /// libcurl owns the socket, and closes it when it next looks over its idle connections for dead ones.
    private static func giveUp(_ socket: curl_socket_t) {
        shutdown(socket, Int32(SHUT_RDWR))
    }

    func noteHTTP2(on connection: Int) {
        sockets.noteHTTP2(on: connection)
    }

    func wasAlive(connection: Int) -> Bool {
        sockets.wasAlive(serial: connection)
    }

    func carriedOne(connection: Int) -> Bool {
        sockets.carriedOne(serial: connection)
    }
}
