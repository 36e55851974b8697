"""Bytes sent to a relay as no HTTP library would send them, and what comes back."""

import re
import socket
import ssl
import time

HOST = b"Host: relay\r\n"


def address(base):
    host, port = base.split("://")[1].rsplit(":", 1)
    return host, int(port)


def connect(base, timeout=20):
    return socket.create_connection(address(base), timeout=timeout)


def read_to_end(connection):
    """Everything until the other side closes; a reset ends it, too."""
    answer = b""
    try:
        while piece := connection.recv(65536):
            answer += piece
    except (ConnectionResetError, ssl.SSLEOFError):
        pass
    return answer


def exchange(base, *pieces, pause=0.05):
    """Sends the pieces one after the other, and returns all that comes until the relay closes the connection."""
    with connect(base) as connection:
        for index, piece in enumerate(pieces):
            if index:
                time.sleep(pause)
            try:
                connection.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                break
        return read_to_end(connection)


def answers(raw):
    """The (status, code) of each answer in what came back, in order; code is x-relay-error's."""
    found = []
    for head in re.findall(rb"HTTP/1\.1 (\d{3}) [^\r]*\r\n(.*?)\r\n\r\n", raw, re.DOTALL):
        code = re.search(rb"(?mi)^x-relay-error: (\S+)", head[1])
        found.append((int(head[0]), code and code[1].decode()))
    return found
