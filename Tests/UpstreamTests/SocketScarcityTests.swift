import CCurl
import Glibc
import Testing

@testable import Upstream

struct SocketScarcityTests {
    private func explains(
        _ code: CURLcode, systemError: Int32 = 0, socket: (family: Int32, error: Int32)? = nil, spare: Bool = true
    ) -> Bool {
        var scarcity = SocketScarcity()
        if let socket { scarcity.openedSocket(family: socket.family, error: socket.error) }
        return scarcity.explains(code, systemError: systemError, hasSpareDescriptors: { spare })
    }

    @Test(arguments: [EMFILE, ENFILE, ENOMEM, ENOBUFS])
    func `a socket that the system does not give is this machine's own lack`(_ error: Int32) {
        #expect(explains(CURLE_COULDNT_CONNECT, socket: (AF_INET, error)))
        #expect(explains(CURLE_COULDNT_CONNECT, systemError: error))
    }

    @Test(arguments: [ECONNREFUSED, ETIMEDOUT, ENETUNREACH, EHOSTUNREACH, 0])
    func `what the network says is no lack of this machine`(_ error: Int32) {
        #expect(!explains(CURLE_COULDNT_CONNECT, systemError: error, socket: (AF_INET, 0)))
    }

    @Test func `no free port is a lack, but not a machine without IPv6`() {
        #expect(explains(CURLE_COULDNT_CONNECT, systemError: EADDRNOTAVAIL, socket: (AF_INET, 0)))
        #expect(!explains(CURLE_COULDNT_CONNECT, systemError: EADDRNOTAVAIL, socket: (AF_INET6, 0)))
        #expect(explains(CURLE_INTERFACE_FAILED, systemError: EADDRINUSE))
    }

    @Test func `a source address that is not this machine's is the path's fault`() {
        #expect(!explains(CURLE_INTERFACE_FAILED, systemError: EADDRNOTAVAIL))
    }

    @Test(arguments: [CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_SSL_CACERT_BADFILE])
    func `a name or a certificate that could not be looked up is a lack only without descriptors`(_ code: CURLcode) {
        #expect(explains(code, spare: false))
        #expect(!explains(code, spare: true))
    }

    @Test func `a socket that opens after one that did not clears the first`() {
        var scarcity = SocketScarcity()
        scarcity.openedSocket(family: AF_INET, error: EMFILE)
        scarcity.openedSocket(family: AF_INET, error: 0)
        #expect(!scarcity.explains(CURLE_COULDNT_CONNECT, systemError: ECONNREFUSED, hasSpareDescriptors: { true }))
    }
}
