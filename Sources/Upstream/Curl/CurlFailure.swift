import CCurl
import Domain

extension TransportFailure {
    /// What libcurl's `code` for `transfer` means.
    init(_ code: CURLcode, of transfer: CurlTransfer) {
        if let address = transfer.refusedAddress, code == CURLE_COULDNT_CONNECT || code == CURLE_ABORTED_BY_CALLBACK {
            self = .refused(address)
            return
        }
        if let refused = transfer.refusedRepeat {
            self = refused
            return
        }
        let isOurs = transfer.scarcity.explains(
            code, systemError: transfer.systemError, hasSpareDescriptors: SocketScarcity.hasSpareDescriptors)
        if isOurs {
            // Memory may run out in the middle of an answer, too.
            self.init(
                .exhausted, maybeSent: transfer.maybeSent,
                detail: "this machine has no socket, port or memory left for a call")
            return
        }
        let kind = Self.kind(of: code, isAnswering: transfer.isAnswering)
        let words = String(cString: curl_easy_strerror(code))  // the general words: the error buffer may quote URLs
        self.init(kind, maybeSent: transfer.maybeSent, detail: words)
    }

    static var outOfMemory: TransportFailure {
        TransportFailure(.exhausted, maybeSent: false, detail: "out of memory for another call")
    }

    private static func kind(of code: CURLcode, isAnswering: Bool) -> Kind {
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST: .resolve
        case CURLE_COULDNT_RESOLVE_PROXY, CURLE_PROXY: .proxy
        case CURLE_COULDNT_CONNECT, CURLE_INTERFACE_FAILED: .connect
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS,
            CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_ENGINE_INITFAILED, CURLE_USE_SSL_FAILED:
            .tls
        case CURLE_OPERATION_TIMEDOUT: .timeout
        case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT,
            CURLE_LOGIN_DENIED,
            CURLE_TOO_LARGE_HEADERS:
            .malformed
        // A connection that ends inside the body cuts the answer short, whatever layer noticed it.
        case CURLE_RECV_ERROR, CURLE_HTTP2, CURLE_HTTP2_STREAM, CURLE_PARTIAL_FILE: isAnswering ? .malformed : .broken
        default: .broken
        }
    }

    private static var CURLE_TOO_LARGE_HEADERS: CURLcode { CURLcode(rawValue: 100) }
}
